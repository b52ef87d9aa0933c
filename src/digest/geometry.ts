import { bounds } from '../limits.ts';
import { cut, joinNeighbours, type Extent } from './extent.ts';

/**
 * How a device is divided for comparison.
 *
 * The device is divided into *buffers*, and a buffer into *blocks*. The first pass computes the digests of the blocks. The
 * digest of a buffer is the digest of its block digests. If a buffer has one block, it is the digest of this block. A
 * differing block is divided further, level by level, down to *chunks*. The step of each level is a multiple of the step of
 * the next level, and all steps are counted from the start of the buffer. So a range of whole steps is also a range of
 * whole finer steps.
 */
export interface Geometry {
  /** Bytes of the device that are compared, from offset 0. */
  readonly sizeBytes: number;
  readonly bufferBytes: number;
  /** The steps of the comparison in a buffer, from block to chunk. Never empty. */
  readonly stepsBytes: readonly number[];
}

/**
 * The block is the chunk, doubled as long as it does not exceed `bounds.blockBytes`, at which hashes reach full speed. Between
 * block and chunk, each step is divided into at most `bounds.refineFanOut` finer steps.
 */
export function geometryOf(sizeBytes: number, bufferBytes: number, chunkBytes: number): Geometry {
  const coarsestBytes = Math.min(bounds.blockBytes, bufferBytes);
  let stepBytes = chunkBytes;
  while (2 * stepBytes <= coarsestBytes) stepBytes *= 2;
  const stepsBytes = [stepBytes];
  while (stepBytes > chunkBytes) {
    stepBytes = Math.max(chunkBytes, stepBytes / bounds.refineFanOut);
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

/** The number of steps into which the extents are divided. */
export function stepCountOf(extents: readonly Extent[], stepBytes: number): number {
  return extents.reduce((sum, { lengthBytes }) => sum + Math.ceil(lengthBytes / stepBytes), 0);
}

/** The digests of both devices for the same extents: one for each step, concatenated in order. */
export interface DigestPair {
  readonly stepBytes: number;
  readonly digestBytes: number;
  readonly source: Uint8Array;
  readonly target: Uint8Array;
}

/** The parts of `extents` whose digests differ. Adjacent parts are joined. */
export function differingExtents(
  extents: readonly Extent[],
  { stepBytes, digestBytes, source, target }: DigestPair,
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
