import { limits } from '../limits.ts';
import { cut, joinNeighbours, type Extent } from './extent.ts';

/**
 * How a device is cut for comparison.
 *
 * The device is cut into *buffers*. A buffer is cut into *blocks*, whose digests the first pass computes; the
 * buffer's own digest is the digest of its block digests, or, with a single block, that block's digest. A
 * block that differs is cut finer, level by level, down to *chunks*. Every level's step is a multiple of the
 * next one's, and all are counted from the buffer's start, so a range of whole steps is a range of whole
 * finer steps too.
 */
export interface Geometry {
  /** Bytes of the device that are compared, from offset 0. */
  readonly sizeBytes: number;
  readonly bufferBytes: number;
  /** The comparison's steps in a buffer, from block to chunk. Never empty. */
  readonly stepsBytes: readonly number[];
}

/**
 * The block is the chunk, doubled as often as it stays within `limits.blockBytes`, where hashes run at full speed.
 * From there down to the chunk, each step is cut into at most `limits.refineFanOut` finer ones.
 */
export function geometryOf(sizeBytes: number, bufferBytes: number, chunkBytes: number): Geometry {
  const coarsestBytes = Math.min(limits.blockBytes, bufferBytes);
  let stepBytes = chunkBytes;
  while (2 * stepBytes <= coarsestBytes) stepBytes *= 2;
  const stepsBytes = [stepBytes];
  while (stepBytes > chunkBytes) {
    stepBytes = Math.max(chunkBytes, stepBytes / limits.refineFanOut);
    stepsBytes.push(stepBytes);
  }
  return { sizeBytes, bufferBytes, stepsBytes };
}

export function bufferCountOf({ sizeBytes, bufferBytes }: Geometry): number {
  return Math.ceil(sizeBytes / bufferBytes);
}

/** The `index`-th buffer; the last may be short. */
export function bufferExtentOf({ sizeBytes, bufferBytes }: Geometry, index: number): Extent {
  const offsetBytes = index * bufferBytes;
  return { offsetBytes, lengthBytes: Math.min(bufferBytes, sizeBytes - offsetBytes) };
}

export function blockBytesOf({ stepsBytes }: Geometry): number {
  return stepsBytes[0]!;
}

/** How many steps the extents are cut into. */
export function stepCountOf(extents: readonly Extent[], stepBytes: number): number {
  return extents.reduce((sum, { lengthBytes }) => sum + Math.ceil(lengthBytes / stepBytes), 0);
}

/**
 * The parts of `extents` whose digests differ, neighbours joined. `source` and `target` hold one digest per
 * step, in order, back to back.
 */
export function differingExtents(
  extents: readonly Extent[],
  stepBytes: number,
  source: Uint8Array,
  target: Uint8Array,
  digestBytes: number,
): Extent[] {
  const differing: Extent[] = [];
  let position = 0;
  for (const extent of extents) {
    const parts: Extent[] = [];
    for (const step of cut(extent, stepBytes)) {
      if (!sameBytes(source, target, position, digestBytes)) parts.push(step);
      position += digestBytes;
    }
    differing.push(...joinNeighbours(parts));
  }
  return differing;
}

function sameBytes(a: Uint8Array, b: Uint8Array, from: number, length: number): boolean {
  for (let index = from; index < from + length; index++) {
    if (a[index] !== b[index]) return false;
  }
  return true;
}
