import { closeSync, readSync } from 'node:fs';
import { bounds } from '../limits.ts';
import { alignedMemory } from './aligned-memory.ts';
import { openDiskView } from './direct.ts';
import type { DeviceHandle } from './handle.ts';
import { endedEarly, failedAt, isInterrupted } from './io-failure.ts';
import { isMediumError, type UnreadableListener } from './medium-error.ts';

/** The memory of a thread for direct reads of one piece. */
let memory: Uint8Array | undefined;

/**
 * Retries a buffered read that has failed, in pieces between multiples of their length. The pieces are read past the page
 * cache where the storage allows that: the kernel reads a page cache in units of up to some megabytes, and one bad sector
 * makes such a unit unreadable as a whole.
 *
 * @param onUnreadable takes the pieces that can't be read. Their bytes become zero. Without it, the first of them is an
 *   error, which has its offset.
 * @throws BasynError `device`, if a read fails for another reason than its range.
 */
export function retryInPieces(
  handle: DeviceHandle,
  offsetBytes: number,
  into: Uint8Array,
  onUnreadable: UnreadableListener | undefined,
): void {
  const view = openDiskView(handle).handle;
  const unitBytes = Math.max(bounds.retriedPieceBytes, view.alignmentBytes);
  const direct = (memory ??= alignedMemory(bounds.maxAlignmentBytes));
  const read = view.access === 'direct' && direct !== undefined ? readPastCache(direct) : readThroughCache;
  try {
    let doneBytes = 0;
    while (doneBytes < into.byteLength) {
      const atBytes = offsetBytes + doneBytes;
      const piece = into.subarray(doneBytes, doneBytes + unitBytes - (atBytes % unitBytes));
      try {
        read(view, atBytes, piece);
      } catch (error) {
        if (onUnreadable === undefined || !isMediumError(error)) throw error;
        piece.fill(0);
        onUnreadable(atBytes, piece.byteLength);
      }
      doneBytes += piece.byteLength;
    }
  } finally {
    if (view.fd !== handle.fd) closeSync(view.fd);
  }
}

/** Fills a piece, which is within one unit of the alignment. */
type ReadPiece = (handle: DeviceHandle, atBytes: number, piece: Uint8Array) => void;

function readPastCache(unit: Uint8Array): ReadPiece {
  return (handle, atBytes, piece) => {
    const { alignmentBytes } = handle;
    const startBytes = atBytes - (atBytes % alignmentBytes);
    const countBytes = readOnce(handle, unit.subarray(0, alignmentBytes), startBytes);
    const start = atBytes - startBytes;
    if (countBytes < start + piece.byteLength) throw endedEarly(handle, startBytes + countBytes);
    piece.set(unit.subarray(start, start + piece.byteLength));
  };
}

const readThroughCache: ReadPiece = (handle, atBytes, piece) => {
  let doneBytes = 0;
  while (doneBytes < piece.byteLength) {
    const countBytes = readOnce(handle, piece.subarray(doneBytes), atBytes + doneBytes);
    if (countBytes === 0) throw endedEarly(handle, atBytes + doneBytes);
    doneBytes += countBytes;
  }
};

/** A buffered or direct read. It may return fewer bytes. */
export function readOnce(handle: DeviceHandle, into: Uint8Array, atBytes: number): number {
  for (;;) {
    try {
      return readSync(handle.fd, into, 0, into.byteLength, atBytes);
    } catch (error) {
      if (isInterrupted(error)) continue;
      throw failedAt('read', handle, atBytes, error);
    }
  }
}
