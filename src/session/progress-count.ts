import type { ProgressListener } from './phase.ts';

/**
 * Counts the examined bytes that a phase is done with: those that were found equal, and those that the target has
 * written. What differs counts when it is written and not when it is found: on a slow link, much later.
 */
export class ProgressCount {
  readonly #examinedBytes: number;
  readonly #onProgress: ProgressListener;
  #equalBytes = 0;
  #writtenBytes = 0;
  #doneBytes = 0;

  /** @param examinedBytes of the phase. Whatever the peer reports, the count never exceeds it, and never decreases. */
  constructor(examinedBytes: number, onProgress: ProgressListener) {
    this.#examinedBytes = examinedBytes;
    this.#onProgress = onProgress;
  }

  /**
   * @param settledBytes from the start of the examined ones on, whose comparison is over.
   * @param differingBytes of them, which are to be written.
   */
  settled(settledBytes: number, differingBytes: number): void {
    this.#equalBytes = settledBytes - differingBytes;
    this.#report();
  }

  /** @param writtenBytes of the phase in all, also of what is not settled yet. */
  written(writtenBytes: number): void {
    this.#writtenBytes = writtenBytes;
    this.#report();
  }

  #report(): void {
    const doneBytes = Math.min(this.#examinedBytes, this.#equalBytes + this.#writtenBytes);
    this.#doneBytes = Math.max(this.#doneBytes, doneBytes);
    this.#onProgress(this.#doneBytes);
  }
}
