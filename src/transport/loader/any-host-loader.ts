import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BasynError } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import { digestOf } from '../runtime/packing.ts';
import { loadRuntime, type Runtime, type RuntimeSource } from '../runtime/runtime.ts';
import { reasonIn } from '../stderr-reason.ts';
import { OtherText, readAnswer, readBanner, versionPattern } from './banner.ts';
import { agentPackage, anyHostCommand } from './bootstrap.ts';
import { needsIn, readPlace, type HostNeeds, type HostPlace } from './host-answers.ts';
import { placeScript, statusOfOldNode } from './host-script.ts';
import type { AgentLoader, RemoteCommand } from './loader.ts';
import { exitWithoutBanner, sendPackage } from './node-loader.ts';
import { startFailureOf } from './start-failure.ts';
import { Upload, type UploadProgress } from './upload.ts';

/** What a run is told about a runtime that is sent. */
export interface RuntimeObserver {
  /** The host has a place for it. `found`: an earlier run has kept it there, so nothing is sent. */
  start(runtime: Pick<Runtime, 'label' | 'sizeBytes'>, place: PlaceOfRuntime): void;
  progress(progress: UploadProgress): void;
  /** It runs. */
  end(runtime: Pick<Runtime, 'label'>, sent: UploadProgress): void;
  warn(message: string): void;
}

export interface PlaceOfRuntime {
  readonly storage: 'memory' | 'disk' | 'kept' | 'found';
  readonly path: string;
}

export interface AnyHostOptions {
  /** The agent's program, compressed with brotli. */
  readonly packedAgent: Uint8Array;
  /** For messages. */
  readonly host: string;
  /** What is sent to a host without node. */
  readonly source: RuntimeSource;
  /** Whether it stays there for the next run. */
  readonly afterRun: 'removed' | 'kept';
  /** Whether node is started through `sudo -n`. */
  readonly privilege: 'user' | 'sudo';
  readonly observer: RuntimeObserver;
}

/** Starts the agent with the node of the host. A host that has none, or an old one, receives a node for the run. */
export class AnyHostLoader implements AgentLoader {
  readonly command: string;
  readonly #options: AnyHostOptions;
  readonly #package: Uint8Array;
  readonly #sudo: string;

  constructor(options: AnyHostOptions) {
    this.#options = options;
    this.#package = agentPackage(options.packedAgent);
    this.#sudo = options.privilege === 'sudo' ? 'sudo -n ' : '';
    this.command = anyHostCommand(this.#package.byteLength, this.#sudo);
  }

  async perform(remote: RemoteCommand, timeoutMs: number): Promise<void> {
    const sent = sendPackage(this.#package, remote, timeoutMs);
    const answer = await this.#firstAnswer(remote, timeoutMs);
    const needs = needsIn(answer, statusOfOldNode);
    if (needs === undefined) {
      await sent;
      return;
    }
    // What the shell or the node there has printed led to this answer.
    remote.forgetErrorLines();
    await this.#startRuntime(await this.#runtimeFor(needs), needs, remote, timeoutMs);
  }

  /** The version of the host's node, or what the host needs. */
  async #firstAnswer(remote: RemoteCommand, timeoutMs: number): Promise<string> {
    let output = '';
    try {
      const answer = await readAnswer(remote.stdout, timeoutMs, firstAnswer);
      if (answer !== undefined) return answer;
    } catch (error) {
      if (!(error instanceof OtherText) || (await exitWithoutBanner(remote)) === undefined) throw error;
      output = error.text;
    }
    const { errorLines } = remote;
    const exit = await remote.exit;
    const nodeCommand = `${this.#sudo}node`;
    const { reason, remedy, retryable } = startFailureOf({ nodeCommand, exit, output, errorLines });
    throw new BasynError('connection', reason, { remedy, retryable });
  }

  /** @throws {BasynError} `connection`, where none fits the host. */
  async #runtimeFor(needs: HostNeeds): Promise<Runtime> {
    const { source, host } = this.#options;
    const beginning = beginnings[needs.because];
    let runtime: Runtime;
    try {
      runtime = await loadRuntime(source);
    } catch (thrown) {
      const { code, message, remedy } = BasynError.from(thrown);
      throw new BasynError(code, `${beginning}, and ${message}`, { remedy });
    }
    if (needs.system === `Linux ${runtime.machine}`) return runtime;
    const there = needs.system === '' ? 'of an unknown kind' : needs.system;
    const what =
      source.kind === 'file'
        ? `${runtime.label} is for Linux ${runtime.machine}`
        : `this machine is Linux ${runtime.machine}`;
    throw new BasynError(
      'connection',
      `${beginning}, and this one can't be sent: ${host} is ${there}, ${what}: install node there`,
      { remedy: 'other-runtime' },
    );
  }

  async #startRuntime(
    runtime: Runtime,
    needs: HostNeeds,
    remote: RemoteCommand,
    timeoutMs: number,
  ): Promise<void> {
    const { afterRun, observer } = this.#options;
    const digest = afterRun === 'kept' ? await digestOf(runtime) : undefined;
    const { sizeBytes } = runtime;
    const token = randomBytes(16).toString('hex');
    remote.stdin.write(placeScript({ token, sizeBytes, sudo: this.#sudo, digest }));
    const place = await readPlace(remote, timeoutMs, sizeBytes);
    if (place === undefined) throw await this.#failed(remote, 'the shell there ended early');
    if (place.kind === 'no sudo') throw await this.#refusedBySudo(remote);
    const { kind, path } = this.#usable(place, needs);
    observer.start(runtime, { storage: kind, path });
    this.#warnAbout(place);
    const upload = new Upload(remote, runtime, timeoutMs, (progress) => observer.progress(progress));
    if (kind !== 'found') await upload.perform();
    remote.stdin.write('start -\n');
    const sent = sendPackage(this.#package, remote, timeoutMs);
    if ((await this.#versionOf(remote, timeoutMs, kind)) === undefined) {
      throw await this.#cannotRun(remote, kind);
    }
    await sent;
    if (kind !== 'found') observer.end(runtime, upload.progress);
  }

  async #versionOf(remote: RemoteCommand, timeoutMs: number, kind: PlaceOfRuntime['storage']) {
    try {
      return await readBanner(remote.stdout, timeoutMs);
    } catch (error) {
      if (!(error instanceof OtherText)) throw error;
      throw await this.#cannotRun(remote, kind);
    }
  }

  /** The host has removed a copy that it had kept. The next attempt sends a new one. */
  async #cannotRun(remote: RemoteCommand, kind: PlaceOfRuntime['storage']): Promise<BasynError> {
    if (kind !== 'found') return this.#failed(remote, "node was sent, and can't run there");
    const what = "the node that was kept there can't run, and is removed";
    const { message } = await this.#failed(remote, what);
    return new BasynError('connection', `${message}: run it again to send a new one`, { retryable: true });
  }

  #usable(place: Exclude<HostPlace, { kind: 'no sudo' }>, { because }: HostNeeds) {
    if (place.kind === 'nowhere') {
      const why = place.refusals.length === 0 ? '' : ` (${place.refusals.join(', ')})`;
      throw new BasynError(
        'connection',
        `${beginnings[because]}, and no place to run one from${why}: install node there`,
      );
    }
    return place;
  }

  #warnAbout(place: HostPlace): void {
    const { host, afterRun, observer } = this.#options;
    if (!('path' in place)) return;
    const why = place.refusals.length === 0 ? '' : ` (${place.refusals.join(', ')})`;
    if (place.kind === 'disk') {
      observer.warn(
        `${host} has no node, and no memory to put one in${why}: for this run, it is written to a disk there, at ${place.path}.`,
      );
    }
    if (afterRun === 'kept' && (place.kind === 'disk' || place.kind === 'memory')) {
      observer.warn(
        `The node that is sent to ${host} can't be kept there${why}: the next run sends it again.`,
      );
    }
  }

  /** What sudo says may arrive after the answer of the script. */
  async #refusedBySudo(remote: RemoteCommand): Promise<BasynError> {
    const { message } = await this.#failed(remote, 'sudo -n does not run a program there');
    return new BasynError('connection', `${message}: allow it for this user without a password`);
  }

  async #failed(remote: RemoteCommand, what: string): Promise<BasynError> {
    // A shell that has printed other text may go on.
    await Promise.race([remote.exit, sleep(bounds.otherTextGraceMs, undefined, { ref: false })]);
    const words = reasonIn(remote.errorLines);
    return new BasynError('connection', words === undefined ? what : `${what} (${words})`);
  }
}

const firstAnswer = new RegExp(`${versionPattern.source}|^needs \\d+( [\\w .-]+)?$`);

const beginnings: Readonly<Record<HostNeeds['because'], string>> = {
  'no node': 'there is no node',
  'old node': 'the node there is too old',
  // Sudo has the same status for a node that is missing and for one that fails.
  'broken node': 'node does not start there',
};
