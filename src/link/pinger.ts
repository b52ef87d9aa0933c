import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import type { BasynError } from '../errors.ts';
import { limits } from '../limits.ts';

interface Ping {
  readonly sentAtMs: number;
  readonly resolve: (elapsedMs: number) => void;
  readonly reject: (error: BasynError) => void;
}

/** The pings of one lane that the peer has not answered yet. They are answered in the order in which they were sent. */
export class Pinger {
  readonly #sendPing: () => void;
  readonly #open: Ping[] = [];

  constructor(sendPing: () => void) {
    this.#sendPing = sendPing;
  }

  /** Sends a ping. Resolves with the milliseconds that its answer took, and rejects with what {@link fail} is given. */
  ping(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#open.push({ sentAtMs: monotonicMs(), resolve, reject });
      this.#sendPing();
    });
  }

  /** A pong has arrived. One that answers nothing is as good a sign of life as any. */
  pong(): void {
    const ping = this.#open.shift();
    ping?.resolve(monotonicMs() - ping.sentAtMs);
  }

  /** How long the oldest ping has waited for its answer; 0 without one. */
  get unansweredMs(): number {
    const [oldest] = this.#open;
    return oldest === undefined ? 0 : monotonicMs() - oldest.sentAtMs;
  }

  fail(error: BasynError): void {
    for (const ping of this.#open.splice(0)) ping.reject(error);
  }

  /**
   * The shortest of several answers. A side that was busy answers everything at once, and the last question waited least.
   * So there are questions all the time, until there are enough answers, and these don't get shorter any more.
   *
   * @param shortMs an answer that takes less is short enough: no further one is waited for.
   */
  async shortestAnswerMs(shortMs: number): Promise<number> {
    const startMs = monotonicMs();
    const answersMs: number[] = [];
    for (;;) {
      const answered = this.ping().then((elapsedMs) => void answersMs.push(elapsedMs));
      answered.catch(() => undefined);
      // Ever more slowly, so that there are no thousands of questions to a side that says nothing.
      const intervalMs = Math.max(limits.pingIntervalMs, (monotonicMs() - startMs) / 10);
      await Promise.race([answered, sleep(intervalMs, undefined, { ref: false })]);
      const shortestMs = Math.min(...answersMs);
      const areEnough = answersMs.length >= limits.roundTripSamples && answersMs.at(-1)! > shortestMs;
      if (shortestMs < shortMs || areEnough) return shortestMs;
    }
  }
}
