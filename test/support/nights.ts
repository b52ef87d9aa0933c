import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { makeRandom } from '../../rig/images/random.ts';
import type { CommandResult, RunningCommand } from '../../rig/processes/command.ts';
import type { PhaseReport, RunReport, StateFileReport } from '../../src/report.ts';
import { jsonLines } from './basyn.ts';
import type { Pair, RunOptions, Wiring, Workshop } from './fault-workshop.ts';
import { attachLoop } from './loop-device.ts';

const KiB = 1024;
/** The buffer of these runs, so that small devices have many. */
export const bufferBytes = 64 * KiB;
/** What a run reads of a target to find out whether it can be read directly. */
const probeBytes = 64 * KiB;

export type NightlyKind = 'loop device' | 'file';

export interface NightlyOptions {
  readonly kind: NightlyKind;
  readonly wiring: Wiring;
  readonly bufferCount?: number;
  /** Bytes of the last buffer. */
  readonly lastBytes?: number;
}

export interface NightOptions extends RunOptions {
  readonly mode?: 'SYNC' | 'COPY' | 'recheck';
}

/** A source that changes from night to night, its target, and the state file of the pair. */
export class Nights {
  source: string;
  target: string;
  /** The file below the target, or the target itself. */
  readonly backing: string;
  state: string;
  readonly directory: string;
  readonly sizeBytes: number;
  wiring: Wiring;
  readonly #workshop: Workshop;
  readonly #random = makeRandom(17);

  constructor(
    workshop: Workshop,
    { kind, wiring, bufferCount = 32, lastBytes = bufferBytes - 4 * KiB }: NightlyOptions,
  ) {
    this.#workshop = workshop;
    this.wiring = wiring;
    this.sizeBytes = (bufferCount - 1) * bufferBytes + lastBytes;
    this.directory = mkdtempSync(workshop.path('nights-'));
    this.source = join(this.directory, 'source');
    this.backing = join(this.directory, 'target');
    this.state = join(this.directory, 'state');
    const bytes = Buffer.alloc(this.sizeBytes);
    this.#random.fill(bytes);
    writeFileSync(this.source, bytes);
    this.#random.fill(bytes);
    writeFileSync(this.backing, bytes);
    this.target = this.backing;
    if (kind === 'loop device') this.attach();
  }

  /** Attaches the file below the target, and names the device as the target. */
  attach(): () => void {
    const { path, detach } = attachLoop(this.backing, { path: ownLoop() });
    onTestFinished(detach);
    this.target = path;
    // Whatever else looks at new devices has finished then.
    execFileSync('dd', ['if=' + path, 'of=/dev/null', 'bs=64K', 'count=1'], { stdio: 'pipe' });
    return detach;
  }

  /** Changes a few bytes of these buffers of the source. */
  change(...indexes: readonly number[]): void {
    for (const index of indexes) this.write(this.source, index);
  }

  /** Gives all of these buffers of the source new bytes. */
  rewrite(...indexes: readonly number[]): void {
    for (const index of indexes) this.write(this.source, index, bufferBytes);
  }

  /** Writes a few new bytes into a buffer of a device or file, and makes them durable. */
  write(path: string, index: number, lengthBytes = 4 * KiB): void {
    const bytes = Buffer.alloc(lengthBytes);
    this.#random.fill(bytes);
    const fd = openSync(path, 'r+');
    writeSync(fd, bytes, 0, lengthBytes, index * bufferBytes + (lengthBytes < bufferBytes ? 8 * KiB : 0));
    fdatasyncSync(fd);
    closeSync(fd);
  }

  /** A run with the state file, by default in mode SYNC. */
  async run(more: readonly string[] = [], options: NightOptions = {}): Promise<CommandResult> {
    const { result } = await this.start(more, options);
    return result;
  }

  start(
    more: readonly string[] = [],
    { mode = 'SYNC', ...options }: NightOptions = {},
  ): Promise<RunningCommand> {
    const pair: Pair = { source: this.source, target: this.target, sizeBytes: this.sizeBytes };
    const given = [`--bitmap=${this.state}`, mode === 'recheck' ? '--recheck' : `--mode=${mode}`];
    return this.#workshop.start(this.wiring, pair, [...given, '--json', '--lanes=1', ...more], options);
  }

  /** The same, which has to succeed. */
  async night(more: readonly string[] = [], options: NightOptions = {}): Promise<Night> {
    const readBefore = this.targetReadBytes();
    const result = await this.run(more, options);
    const { exitCode, stderr } = result;
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringMatching(/^((basyn: warning|remote): .*\n)*$/),
    });
    const { stateFile, phases, interruptions = [] } = jsonLines(result).at(-1) as unknown as RunReport;
    const readBytes = Math.max(0, this.targetReadBytes() - readBefore - probeBytes);
    return { stateFile, phases, interruptions: interruptions.length, warnings: stderr, readBytes };
  }

  /** Creates the file with a first run, which compares everything. */
  async begin(more: readonly string[] = ['--buffer=64']): Promise<void> {
    const { stateFile } = await this.night(more);
    expect(stateFile).toMatchObject({ knownBuffers: 0, reason: 'it does not exist yet' });
    this.expectEqual();
  }

  /** What the kernel has read from the target's device. 0 for a file. */
  targetReadBytes(): number {
    if (statSync(this.target, { throwIfNoEntry: false })?.isBlockDevice() !== true) return 0;
    const name = basename(realpathSync(this.target));
    const [, , sectors] = readFileSync(`/sys/class/block/${name}/stat`, 'latin1').trim().split(/\s+/);
    return Number(sectors) * 512;
  }

  /** Compares the medium of the target with the source. Its page cache may hold something else. */
  expectEqual(circumstances = ''): void {
    expect(this.isEqual(), `the target is equal ${circumstances}`).toBe(true);
  }

  /** The same for the target as far as the source goes. */
  isEqual(): boolean {
    const source = readFileSync(this.source);
    return readDirectly(this.target).subarray(0, source.byteLength).equals(source);
  }

  /** Keeps what files have now. The returned function puts it back, in place. */
  keep(...paths: readonly string[]): () => void {
    const kept = paths.map((path) => ({ path, copy: `${path}.kept-${copyCount++}` }));
    for (const { path, copy } of kept) copyFileSync(path, copy);
    return () => {
      for (const { path, copy } of kept) writeFileSync(path, readFileSync(copy));
    };
  }
}
let copyCount = 0;

/** What a successful run said about the file, and what it read of the target. */
export interface Night {
  readonly stateFile: StateFileReport | undefined;
  readonly phases: readonly PhaseReport[];
  readonly interruptions: number;
  readonly warnings: string;
  /** Without the probe at the start. */
  readonly readBytes: number;
}

/** Reads past the page cache. */
export function readDirectly(path: string): Buffer {
  const options = { maxBuffer: 1024 ** 3, stdio: ['ignore', 'pipe', 'ignore'] as ('ignore' | 'pipe')[] };
  return execFileSync('dd', [`if=${path}`, 'iflag=direct', 'bs=1M'], options);
}

let loopCount = 0;

/** A loop device that no other test takes, also while it is detached. */
function ownLoop(): string {
  return `/dev/loop${200 + 20 * Number(process.env.VITEST_POOL_ID ?? 0) + (loopCount++ % 20)}`;
}
