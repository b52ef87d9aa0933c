import { monotonicMs } from '../clock.ts';
import { tuning } from '../limits.ts';

const { fadingShare, fadingMs, leastMeasuredMs } = tuning.throughput;

/**
 * Measures how fast the link takes data. Only time counts during which a sender waits: an idle link does not show what
 * it can do.
 *
 * The result is a ratio of two fading sums, not a moving average of rates. A burst that fits into a pipe's buffer takes
 * no time, so its rate would outweigh all real waiting.
 */
export class ThroughputMeter {
  #waitCount = 0;
  #sinceMs = 0;
  #bytes = 0;
  #elapsedMs = 0;

  /** Bytes per millisecond. Undefined until senders have waited long enough. */
  get bytesPerMs(): number | undefined {
    return this.#elapsedMs < leastMeasuredMs ? undefined : this.#bytes / this.#elapsedMs;
  }

  waitBegins(): void {
    if (this.#waitCount++ === 0) this.#sinceMs = monotonicMs();
  }

  /** @param takenBytes that the link has taken since this wait began. */
  waitEnds(takenBytes: number): void {
    const nowMs = monotonicMs();
    const elapsedMs = nowMs - this.#sinceMs;
    const fading = 1 - fadingShare * Math.min(1, elapsedMs / fadingMs);
    this.#bytes = fading * this.#bytes + takenBytes;
    this.#elapsedMs = fading * this.#elapsedMs + elapsedMs;
    this.#sinceMs = nowMs;
    this.#waitCount--;
  }
}
