import { freemem } from 'node:os';
import { geometryOf } from '../digest/geometry.ts';
import { digestBytesOf } from '../digest/hash.ts';
import type { HashName } from '../digest/hash-names.ts';
import { bounds, tuning } from '../limits.ts';
import type { Plan } from '../protocol/schemas.ts';

/** The requested chunk, or the finest one that is useful. */
export function chunkBytesOf(bufferBytes: number, chunkBytes: number | null): number {
  return chunkBytes ?? Math.min(bounds.finestChunkBytes, bufferBytes);
}

/**
 * The number of buffers that the target may survey ahead of the source. It is large enough to fill a link with a long
 * round trip. It is bounded by the memory for the block digests, and by the data that should still be in the page cache
 * when a buffer turns out to differ.
 */
export function windowBuffersOf(bufferBytes: number, chunkBytes: number | null, hash: HashName): number {
  return buffersWithin(bounds.windowDataBytes, bufferBytes, chunkBytes, hash);
}

/**
 * The number of buffers that the source may survey ahead of the comparison. It is larger than the target's where there
 * is memory for the page cache: connecting may take longer than reading half a gibibyte.
 */
export function aheadBuffersOf({ bufferBytes, chunkBytes, hash, windowBuffers }: Plan): number {
  const dataBytes = Math.min(tuning.aheadDataBytes, freemem() * tuning.aheadShareOfMemory);
  return Math.max(windowBuffers, buffersWithin(dataBytes, bufferBytes, chunkBytes, hash));
}

function buffersWithin(
  dataBytes: number,
  bufferBytes: number,
  chunkBytes: number | null,
  hash: HashName,
): number {
  const [blockBytes] = geometryOf(0, bufferBytes, chunkBytesOf(bufferBytes, chunkBytes)).stepsBytes;
  const digestsOfBufferBytes = Math.ceil(bufferBytes / blockBytes!) * digestBytesOf[hash];
  const byMemory = Math.floor(bounds.windowDigestBytes / digestsOfBufferBytes);
  const byData = Math.floor(dataBytes / bufferBytes);
  return Math.max(bounds.minWindowBuffers, Math.min(bounds.maxWindowBuffers, byMemory, byData));
}
