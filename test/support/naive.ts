import type { Extent } from '../../src/digest/extent.ts';

/**
 * The differences of two devices, over the first one's size, found by comparing chunk by chunk. Chunks are counted
 * from the start of their buffer, and adjacent ones are joined. Slow, but evidently correct.
 */
export function differingChunks(
  source: Buffer,
  target: Buffer,
  bufferBytes: number,
  chunkBytes: number,
): Extent[] {
  const found: Extent[] = [];
  for (let buffer = 0; buffer < source.length; buffer += bufferBytes) {
    const bufferEnd = Math.min(buffer + bufferBytes, source.length);
    for (let chunk = buffer; chunk < bufferEnd; chunk += chunkBytes) {
      const end = Math.min(chunk + chunkBytes, bufferEnd);
      if (source.subarray(chunk, end).equals(target.subarray(chunk, end))) continue;
      const last = found.at(-1);
      const touches = last !== undefined && last.offsetBytes + last.lengthBytes === chunk;
      if (touches) found.pop();
      const offsetBytes = touches ? last.offsetBytes : chunk;
      found.push({ offsetBytes, lengthBytes: end - offsetBytes });
    }
  }
  return found;
}
