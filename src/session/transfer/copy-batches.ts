import { stretchesOf, type HoleMap } from '../../device/device.ts';
import type { Extent } from '../../digest/extent.ts';
import { bounds } from '../../limits.ts';

/** Ranges that a copy treats together: all of them holes of the source, or none of them. */
export interface CopyBatch {
  readonly isHole: boolean;
  readonly extents: readonly Extent[];
  readonly lengthBytes: number;
  /** Everything below this offset is in this batch or in an earlier one. */
  readonly endBytes: number;
}

/** The greatest number of bytes in a batch of each kind. */
export interface BatchLimits {
  readonly dataBytes: number;
  readonly zeroBytes: number;
}

/** Divides ranges into batches. Within a kind, the ranges keep their order. */
export function* copyBatches(
  ranges: Iterable<Extent>,
  holes: HoleMap | undefined,
  { dataBytes, zeroBytes }: BatchLimits,
): Generator<CopyBatch, void> {
  const data = new Batch(false, dataBytes);
  const zeros = new Batch(true, zeroBytes);
  for (const { offsetBytes, lengthBytes } of ranges) {
    for (const stretch of stretchesOf(holes, offsetBytes, lengthBytes)) {
      const [own, other] = stretch.isHole ? [zeros, data] : [data, zeros];
      for (const batch of own.add(stretch)) yield withEnd(batch, other);
    }
  }
  for (const batch of data.rest()) yield withEnd(batch, zeros);
  for (const batch of zeros.rest()) yield withEnd(batch, data);
}

/** What waits in the `other` batch comes later. */
function withEnd(batch: Omit<CopyBatch, 'endBytes'>, other: Batch): CopyBatch {
  const { offsetBytes, lengthBytes } = batch.extents.at(-1)!;
  return { ...batch, endBytes: Math.min(offsetBytes + lengthBytes, other.startBytes) };
}

class Batch {
  readonly #isHole: boolean;
  readonly #mostBytes: number;
  #extents: Extent[] = [];
  #lengthBytes = 0;

  constructor(isHole: boolean, mostBytes: number) {
    this.#isHole = isHole;
    this.#mostBytes = mostBytes;
  }

  /** The offset of the first range that waits in it. */
  get startBytes(): number {
    return this.#extents[0]?.offsetBytes ?? Infinity;
  }

  /** Adds a range. Returns the batches that are full. */
  *add({ offsetBytes, lengthBytes }: Extent): Generator<Omit<CopyBatch, 'endBytes'>, void> {
    let doneBytes = 0;
    while (doneBytes < lengthBytes) {
      const partBytes = Math.min(lengthBytes - doneBytes, this.#mostBytes - this.#lengthBytes);
      this.#extents.push({ offsetBytes: offsetBytes + doneBytes, lengthBytes: partBytes });
      this.#lengthBytes += partBytes;
      doneBytes += partBytes;
      const isFull =
        this.#lengthBytes === this.#mostBytes || this.#extents.length === bounds.dataFrameExtents;
      if (isFull) yield* this.rest();
    }
  }

  /** What has been added and was not returned yet. */
  *rest(): Generator<Omit<CopyBatch, 'endBytes'>, void> {
    if (this.#extents.length === 0) return;
    yield { isHole: this.#isHole, extents: this.#extents, lengthBytes: this.#lengthBytes };
    this.#extents = [];
    this.#lengthBytes = 0;
  }
}
