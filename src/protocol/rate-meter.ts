/** What was taken, and in which time, counts so much less with each further wait. */
const fadingPerWait = 0.9;

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

  /** Bytes per millisecond; undefined until somebody had to wait. */
  get bytesPerMs(): number | undefined {
    return this.#elapsedMs === 0 ? undefined : this.#bytes / this.#elapsedMs;
  }

  waitBegins(): void {
    if (this.#waits++ === 0) this.#sinceMs = performance.now();
  }

  /** @param takenBytes by the lane since the wait began. */
  waitEnds(takenBytes: number): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#sinceMs;
    // Waits that end together are one.
    const fading = elapsedMs === 0 ? 1 : fadingPerWait;
    this.#bytes = fading * this.#bytes + takenBytes;
    this.#elapsedMs = fading * this.#elapsedMs + elapsedMs;
    this.#sinceMs = nowMs;
    this.#waits--;
  }
}
