import { setTimeout as sleep } from 'node:timers/promises';
import { BasynError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { LaneStreams } from '../link/lane.ts';
import { bannerWord } from '../protocol/banner.ts';
import { isTooOld, OtherText, readBanner } from './banner.ts';
import { oldestAgentNode } from './bootstrap.ts';
import { Child, type ChildExit } from './child.ts';
import type { Traffic } from '../report.ts';
import { reasonIn } from './last-words.ts';
import { LineReader } from './lines.ts';
import type { ProcessGuard } from './process-guard.ts';
import { endInWords, startFailureOf, type StartFailure } from './start-failure.ts';

/** How an agent is started, and how that is told. */
export interface AgentCommand {
  readonly file: string;
  readonly arguments: readonly string[];
  /** Where it runs, for messages: "backup.example.org". */
  readonly place: string;
  /** How node is started there, for messages. */
  readonly nodeCommand: string;
  /** What the loader is waiting for on its stdin. */
  readonly greeting: Uint8Array;
  /** From its start to the loader's hello. */
  readonly helloTimeoutMs: number;
  /** Is told the lines of the child's stderr, once the agent runs. */
  readonly onStderrLine: (line: string) => void;
  readonly guard: ProcessGuard;
}

/** A loader behind a process of ours, whose stdin and stdout lead to it: ssh, or node itself. */
export class ProcessConnection {
  readonly ready: Promise<LaneStreams>;
  readonly #command: AgentCommand;
  readonly #child: Child;
  readonly #stderr: LineReader;
  #startFailure: BasynError | undefined;

  constructor(command: AgentCommand) {
    this.#command = command;
    this.#child = new Child(command.file, command.arguments, command.guard);
    this.#stderr = new LineReader(this.#child.stderr);
    this.ready = this.#start();
    this.ready.catch(() => undefined);
  }

  traffic(): Traffic {
    const { stdin, stdout } = this.#child;
    return { receivedBytes: stdout.bytesRead, transmittedBytes: stdin.bytesWritten };
  }

  async explain(error: BasynError): Promise<BasynError> {
    if (error.code !== 'connection' || error === this.#startFailure) return error;
    const exit = await Promise.race([this.#child.exit, sleep(limits.exitGraceMs)]);
    if (exit === undefined) return error;
    const { place, file } = this.#command;
    const lastLine = reasonIn(this.#stderr.tail);
    const end = `${file} to ${place} ${endInWords(exit)}${lastLine === undefined ? '' : `: ${lastLine}`}`;
    return new BasynError(
      'connection',
      `${error.message.replace(/\.$/, '')} (${end}).`,
      { side: 'remote', ...(error.remedy !== undefined && { remedy: error.remedy }) },
      { cause: error },
    );
  }

  async close(): Promise<void> {
    await this.#child.end();
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }

  async #start(): Promise<LaneStreams> {
    const { stdin, stdout } = this.#child;
    // The greeting follows at once, so that no round trip is spent on waiting for the hello.
    stdin.write(this.#command.greeting);
    const version = await this.#hello();
    if (version === undefined) throw this.#failedToStart(await this.#child.exit);
    if (isTooOld(version)) {
      throw this.#failure({
        reason: `the node there is too old (${version}, needed is ${oldestAgentNode}): install a newer one`,
        remedy: 'other-node',
      });
    }
    this.#stderr.follow(this.#command.onStderrLine);
    return { readable: stdout, writable: stdin };
  }

  async #hello(): Promise<string | undefined> {
    try {
      return await readBanner(this.#child.stdout, this.#command.helloTimeoutMs);
    } catch (error) {
      const exit = error instanceof OtherText ? await this.#endWithoutHello() : undefined;
      if (exit !== undefined) throw this.#failedToStart(exit, (error as OtherText).text);
      await this.#child.stop();
      const { message: reason, remedy } = error as BasynError;
      throw this.#failure({ reason, ...(remedy !== undefined && { remedy }) });
    }
  }

  /**
   * Text can come from a profile, and node after it, or from what runs in place of node, and ends.
   *
   * @returns undefined where node says hello after all, or nothing ends.
   */
  #endWithoutHello(): Promise<ChildExit | undefined> {
    const { stdout, exit } = this.#child;
    let seen = '';
    const hello = new Promise<undefined>((resolve) => {
      stdout.on('data', (bytes: Buffer) => {
        seen = (seen + bytes.toString('latin1')).slice(-limits.maxBannerBytes);
        if (seen.includes(`${bannerWord} 1 `)) resolve(undefined);
      });
    });
    return Promise.race([exit, hello, sleep(limits.otherTextGraceMs, undefined, { ref: false })]);
  }

  #failedToStart(exit: ChildExit, output = ''): BasynError {
    const { file, nodeCommand } = this.#command;
    const errorLines = this.#stderr.tail;
    return this.#failure(startFailureOf({ file, nodeCommand, exit, output, errorLines }));
  }

  #failure({ reason, remedy }: StartFailure): BasynError {
    const sentence = `Can't start on ${this.#command.place}: ${reason.replace(/\.$/, '')}.`;
    const facts = { side: 'remote', ...(remedy !== undefined && { remedy }) } as const;
    return (this.#startFailure = new BasynError('connection', sentence, facts));
  }
}
