import { setTimeout as sleep } from 'node:timers/promises';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { LaneStreams } from '../link/lane.ts';
import type { Traffic } from '../report.ts';
import { Child, endInWords, type ChildExit } from './child.ts';
import { LineReader } from './lines.ts';
import type { Handshake, RemoteCommand } from './loader/loader.ts';
import type { ProcessCleaner } from './process-cleaner.ts';
import type { RateLimit } from './rate-limit.ts';
import { spawnFailureReason } from './spawn-failure.ts';
import { reasonIn } from './stderr-reason.ts';

/** A local process that runs a remote command, and what is needed to report its failures. */
export interface ProcessCommand {
  /** The program: ssh. */
  readonly file: string;
  readonly arguments: readonly string[];
  readonly handshake: Handshake;
  /** From the start of the process to the banner. */
  readonly bannerTimeoutMs: number;
  /** For messages: "start on backup.example.org". */
  readonly goal: string;
  /** For messages: "backup.example.org". */
  readonly host: string;
  /** Receives the lines of the process's stderr, once frames follow. */
  readonly onStderrLine: (line: string) => void;
  readonly cleaner: ProcessCleaner;
  /** Of all bytes at the pipes of the process. Undefined: they are not limited. */
  readonly limit: RateLimit | undefined;
}

/** One lane to the agent through the stdin and stdout of a local process. */
export class ProcessConnection {
  readonly ready: Promise<LaneStreams>;
  readonly #command: ProcessCommand;
  readonly #child: Child;
  readonly #stderr: LineReader;
  #startFailure: BasynError | undefined;

  constructor(command: ProcessCommand) {
    this.#command = command;
    this.#child = new Child(command.file, command.arguments, command.cleaner, command.limit);
    this.#stderr = new LineReader(this.#child.stderr);
    this.ready = this.#start();
    this.ready.catch(() => undefined);
  }

  traffic(): Traffic {
    const { bytesRead, bytesWritten } = this.#child;
    return { receivedBytes: bytesRead, transmittedBytes: bytesWritten };
  }

  /** Adds how the process ended, and why, to an error of the connection. Other errors stay as they are. */
  async explain(error: BasynError): Promise<BasynError> {
    if (error.code !== 'connection' || error === this.#startFailure) return error;
    const exit = await Promise.race([this.#child.exit, sleep(bounds.exitGraceMs)]);
    if (exit === undefined) return error;
    const { host, file } = this.#command;
    const reason = reasonIn(this.#stderr.tail);
    const end = `${file} to ${host} ${endInWords(exit)}${reason === undefined ? '' : `: ${reason}`}`;
    return new BasynError(
      'connection',
      `${error.message.replace(/\.$/, '')} (${end}).`,
      { side: 'remote', remedy: error.remedy, retryable: error.retryable },
      { cause: error },
    );
  }

  /** Resolves when the process has ended. Nothing ends it. */
  async ended(): Promise<void> {
    await this.#child.exit;
  }

  async close(): Promise<void> {
    await this.#child.end();
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }

  async #start(): Promise<LaneStreams> {
    const { handshake, bannerTimeoutMs, onStderrLine } = this.#command;
    try {
      await handshake.perform(this.#remoteCommand(), bannerTimeoutMs);
    } catch (thrown) {
      await this.#child.stop();
      throw this.#failure(BasynError.from(thrown));
    }
    this.#stderr.follow(onStderrLine);
    const { stdin, stdout } = this.#child;
    return { readable: stdout, writable: stdin };
  }

  #remoteCommand(): RemoteCommand {
    const { stdin, stdout } = this.#child;
    const exit = this.#exitOfStarted();
    exit.catch(() => undefined);
    const bytesPerSecond = this.#command.limit?.bytesPerSecond;
    const forgetErrorLines = (): void => this.#stderr.forget();
    return { stdin, stdout, exit, errorLines: this.#stderr.tail, forgetErrorLines, bytesPerSecond };
  }

  async #exitOfStarted(): Promise<ChildExit> {
    const exit = await this.#child.exit;
    if (exit.spawnError === undefined) return exit;
    throw new BasynError('connection', spawnFailureReason(this.#command.file, exit.spawnError));
  }

  #failure(error: BasynError): BasynError {
    if (error.code !== 'connection') return error;
    const sentence = `Can't ${this.#command.goal}: ${error.message.replace(/\.$/, '')}.`;
    const facts = { side: 'remote', remedy: error.remedy, retryable: error.retryable } as const;
    return (this.#startFailure = new BasynError('connection', sentence, facts));
  }
}
