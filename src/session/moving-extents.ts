import type { Extent } from '../digest/extent.ts';
import { tuning } from '../limits.ts';

/**
 * What may be written to the target although its buffers are not settled. If the attempt fails, the next one may find it equal,
 * so that it has to be reported before.
 */
export class MovingExtents {
  #extents: Extent[] = [];
  #settledBytes = 0;
  /** Extents at which those that are settled are removed. */
  #mostExtents: number = tuning.movingExtents;

  add(extents: readonly Extent[]): void {
    for (const extent of extents) this.#extents.push(extent);
    if (this.#extents.length < this.#mostExtents) return;
    this.#removeSettled();
    this.#mostExtents = Math.max(tuning.movingExtents, 2 * this.#extents.length);
  }

  /** Everything in front of the end of these ranges is settled, and what differs there was reported. */
  settled(differing: readonly Extent[]): void {
    const last = differing.at(-1);
    if (last !== undefined) this.#settledBytes = last.offsetBytes + last.lengthBytes;
  }

  /** What was not reported, in ascending order. Nothing is left. */
  take(): Extent[] {
    this.#removeSettled();
    const extents = this.#extents.sort((a, b) => a.offsetBytes - b.offsetBytes);
    [this.#extents, this.#settledBytes] = [[], 0];
    return extents;
  }

  #removeSettled(): void {
    this.#extents = this.#extents.filter(
      ({ offsetBytes, lengthBytes }) => offsetBytes + lengthBytes > this.#settledBytes,
    );
  }
}
