import { monotonicMs } from '../clock.ts';
import type { BasynError } from '../errors.ts';

interface Ping {
  readonly sentAtMs: number;
  readonly resolve: (elapsedMs: number) => void;
  readonly reject: (error: BasynError) => void;
}

/** The pings of the first lane that the peer has not answered yet. The peer answers them in order. */
export class Pinger {
  readonly #sendPing: () => void;
  readonly #open: Ping[] = [];
  #failure: BasynError | undefined;

  constructor(sendPing: () => void) {
    this.#sendPing = sendPing;
  }

  /**
   * Sends a ping. Resolves with the milliseconds until its answer.
   *
   * @throws {BasynError} what {@link fail} was given.
   */
  ping(): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#open.push({ sentAtMs: monotonicMs(), resolve, reject });
      this.#sendPing();
    });
  }

  /** A pong has arrived. One without a ping is a sign of life like any other. */
  pong(): void {
    const ping = this.#open.shift();
    ping?.resolve(monotonicMs() - ping.sentAtMs);
  }

  /** The age of the oldest unanswered ping; 0 without one. */
  get unansweredMs(): number {
    const [oldest] = this.#open;
    return oldest === undefined ? 0 : monotonicMs() - oldest.sentAtMs;
  }

  /** No further answer will arrive. */
  fail(error: BasynError): void {
    this.#failure = error;
    for (const ping of this.#open.splice(0)) ping.reject(error);
  }
}
