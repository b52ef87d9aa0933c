import type { Readable, Writable } from 'node:stream';
import type { ChildExit } from '../child.ts';

/** A command that runs on the host: its streams and its end, as ssh passes them on. */
export interface RemoteCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /**
   * Resolves when it has ended.
   *
   * @throws {BasynError} `connection`, with the reason, where it was never started.
   */
  readonly exit: Promise<ChildExit>;
  /** Lines that it has written to stderr so far, oldest first. */
  readonly errorLines: readonly string[];
  /** Drops these lines: what they say was expected. */
  readonly forgetErrorLines: () => void;
  /** The rate to which the streams are limited. */
  readonly bytesPerSecond?: number | undefined;
}

/** What both sides say on the streams of a remote command before frames follow. */
export interface Handshake {
  /**
   * Resolves when frames may follow in both directions. `stdout` is then paused just before the first one.
   *
   * @param timeoutMs until the banner arrives.
   * @throws {BasynError} `connection`. The message is the reason and what to do about it: the second half of a sentence,
   *   without its full stop.
   */
  perform(remote: RemoteCommand, timeoutMs: number): Promise<void>;
}

/** A strategy to start the agent on a host. Its handshake starts the agent, and knows what each failure means. */
export interface AgentLoader extends Handshake {
  /** For the remote shell. */
  readonly command: string;
}
