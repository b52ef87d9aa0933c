import { monotonicMs } from '../clock.ts';

/** What was taken, and in which time, counts less by this share with each further wait of `fadingMs`, or longer. */
const fadingShare = 0.1;
/** Shorter waits count as the part of it that they are: many lanes have many of them. */
const fadingMs = 30;
/** Before, the other side and ssh are still warming up, and seem to be half as fast as they are. */
const leastMeasuredMs = 100;

/**
 * How fast the lanes together take data. Only the time counts in which somebody waits for one of them: a link that nobody
 * waits for says nothing of what it could do. Sums, and not a mean of rates: what goes into a pipe's buffer in no time
 * would outweigh all real waiting.
 */
export class RateMeter {
  #waits = 0;
  #sinceMs = 0;
  #bytes = 0;
  #elapsedMs = 0;

  /** Bytes per millisecond; undefined until somebody had to wait for a while. */
  get bytesPerMs(): number | undefined {
    return this.#elapsedMs < leastMeasuredMs ? undefined : this.#bytes / this.#elapsedMs;
  }

  waitBegins(): void {
    if (this.#waits++ === 0) this.#sinceMs = monotonicMs();
  }

  /** @param takenBytes by the lane since the wait began. */
  waitEnds(takenBytes: number): void {
    const nowMs = monotonicMs();
    const elapsedMs = nowMs - this.#sinceMs;
    const fading = 1 - fadingShare * Math.min(1, elapsedMs / fadingMs);
    this.#bytes = fading * this.#bytes + takenBytes;
    this.#elapsedMs = fading * this.#elapsedMs + elapsedMs;
    this.#sinceMs = nowMs;
    this.#waits--;
  }
}
