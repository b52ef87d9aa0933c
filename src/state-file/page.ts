import { createHash } from 'node:crypto';
import { bodyOffsetBytes, checksumBytes, generationBytes, pageBytes } from './layout.ts';

/**
 * A page of marks or digests. Its checksum covers the id of the file and the number of the page, so that a page of another
 * file, or from another place, does not count.
 */
export interface PageContext {
  /** 16 random bytes. */
  readonly fileId: Uint8Array;
  /** Increased when everything that the file knew is discarded: a page of an older one is empty. */
  readonly generation: number;
}

/** What a page that was read is. `empty`: never written, or of an older generation. `damaged`: torn or altered. */
export type PageState = 'current' | 'empty' | 'damaged';

/** The memory of a page whose body is empty. */
export function emptyPage(): Buffer {
  return Buffer.alloc(pageBytes);
}

export function bodyOf(page: Buffer): Buffer {
  return page.subarray(bodyOffsetBytes);
}

/** Fills in the generation and the checksum, before the page is written. */
export function seal(page: Buffer, pageNumber: number, { fileId, generation }: PageContext): void {
  page.writeBigUInt64LE(BigInt(generation), 0);
  checksumOf(page, pageNumber, fileId).copy(page, generationBytes, 0, checksumBytes);
}

/** Examines a page that was read. One that is not current is emptied. */
export function unseal(page: Buffer, pageNumber: number, { fileId, generation }: PageContext): PageState {
  const state = stateOf(page, pageNumber, fileId, BigInt(generation));
  if (state !== 'current') page.fill(0);
  return state;
}

function stateOf(page: Buffer, pageNumber: number, fileId: Uint8Array, generation: bigint): PageState {
  const found = page.readBigUInt64LE(0);
  // Only a page that was never written has no generation.
  if (found === 0n && page.every((byte) => byte === 0)) return 'empty';
  const checksum = page.subarray(generationBytes, bodyOffsetBytes);
  if (!checksumOf(page, pageNumber, fileId).subarray(0, checksumBytes).equals(checksum)) return 'damaged';
  if (found === generation) return 'current';
  return found < generation ? 'empty' : 'damaged';
}

function checksumOf(page: Buffer, pageNumber: number, fileId: Uint8Array): Buffer {
  const place = Buffer.alloc(8);
  place.writeBigUInt64LE(BigInt(pageNumber));
  return createHash('sha256')
    .update(fileId)
    .update(place)
    .update(page.subarray(0, generationBytes))
    .update(page.subarray(bodyOffsetBytes))
    .digest();
}
