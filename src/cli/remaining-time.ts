import { tuning } from '../limits.ts';

/**
 * Estimates when a phase ends from its speed so far. The speed is a ratio of two fading sums, so that it starts as the
 * average since the start of the phase, and follows later changes smoothly.
 */
export class RemainingTime {
  #elapsedMs = 0;
  #doneBytes = 0;
  #fadingMs = 0;
  #fadingBytes = 0;

  /** @param elapsedMs since the start of the phase. */
  add(elapsedMs: number, doneBytes: number): void {
    const durationMs = elapsedMs - this.#elapsedMs;
    if (durationMs <= 0) return;
    const fading = Math.exp(-durationMs / tuning.progress.remainingFadingMs);
    this.#fadingMs = this.#fadingMs * fading + durationMs;
    this.#fadingBytes = this.#fadingBytes * fading + doneBytes - this.#doneBytes;
    this.#elapsedMs = elapsedMs;
    this.#doneBytes = doneBytes;
  }

  /** Milliseconds until `sizeBytes` are done. Infinite as long as nothing is. */
  leftMs(sizeBytes: number): number {
    const leftBytes = sizeBytes - this.#doneBytes;
    if (leftBytes === 0) return 0;
    return this.#fadingBytes === 0 ? Infinity : (leftBytes * this.#fadingMs) / this.#fadingBytes;
  }
}
