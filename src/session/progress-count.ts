import type { ProgressListener } from './phase.ts';

/**
 * Counts the bytes of the device that a phase is done with: those that were found equal, and those that the target has
 * written. What differs counts when it is written and not when it is found: on a slow link, much later.
 */
export class ProgressCount {
  readonly #sizeBytes: number;
  readonly #onProgress: ProgressListener;
  #equalBytes = 0;
  #writtenBytes = 0;
  #doneBytes = 0;

  /** @param sizeBytes of the phase. Whatever the peer reports, the count never exceeds it, and never decreases. */
  constructor(sizeBytes: number, onProgress: ProgressListener) {
    this.#sizeBytes = sizeBytes;
    this.#onProgress = onProgress;
  }

  /**
   * @param settledBytes from the start of the device on, whose comparison is over.
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
    const doneBytes = Math.min(this.#sizeBytes, this.#equalBytes + this.#writtenBytes);
    this.#doneBytes = Math.max(this.#doneBytes, doneBytes);
    this.#onProgress(this.#doneBytes);
  }
}
