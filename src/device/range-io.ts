import { writeSync } from 'node:fs';
import { assert } from '../errors.ts';
import { endedEarly, failedAt, isInterrupted } from './io-failure.ts';
import { deviceError, nameOf, type DeviceHandle } from './handle.ts';
import { stretchesOf } from './holes.ts';
import { isMediumError, type UnreadableListener } from './medium-error.ts';
import { waitForRate } from './read-rate.ts';
import { readOnce, retryInPieces } from './read-in-pieces.ts';

/**
 * Fills `into` from an offset, through the page cache. Holes are not read. The range must be inside the device. Synchronous,
 * for worker threads.
 *
 * @param onUnreadable takes the ranges that can't be read. Without it, the first of them is an error.
 * @throws BasynError `device`, with the offset of the failed read, on an I/O error and if the device has shrunk since it
 *   was opened.
 */
export function readFully(
  handle: DeviceHandle,
  offsetBytes: number,
  into: Uint8Array,
  onUnreadable?: UnreadableListener,
): void {
  assertInside(handle, offsetBytes, into.byteLength);
  assert(handle.access === 'buffered', 'a direct read needs memory that is aligned');
  if (handle.holes === undefined) {
    readData(handle, offsetBytes, into, onUnreadable);
    return;
  }
  for (const stretch of stretchesOf(handle.holes, offsetBytes, into.byteLength)) {
    const start = stretch.offsetBytes - offsetBytes;
    const part = into.subarray(start, start + stretch.lengthBytes);
    if (stretch.isHole) part.fill(0);
    else readData(handle, stretch.offsetBytes, part, onUnreadable);
  }
}

function readData(
  handle: DeviceHandle,
  offsetBytes: number,
  into: Uint8Array,
  onUnreadable: UnreadableListener | undefined,
): void {
  waitForRate(handle, into.byteLength);
  let doneBytes = 0;
  while (doneBytes < into.byteLength) {
    let countBytes: number;
    try {
      countBytes = readOnce(handle, into.subarray(doneBytes), offsetBytes + doneBytes);
    } catch (error) {
      if (!isMediumError(error)) throw error;
      retryInPieces(handle, offsetBytes + doneBytes, into.subarray(doneBytes), onUnreadable);
      return;
    }
    if (countBytes === 0) {
      zeroBeyondEnd(handle, offsetBytes + doneBytes, into.subarray(doneBytes));
      return;
    }
    doneBytes += countBytes;
  }
}

/**
 * Writes all of `bytes` at an offset. The range must be inside the device. Synchronous, for worker threads.
 *
 * @throws BasynError `device`, with the offset of the failed write.
 */
export function writeFully(handle: DeviceHandle, offsetBytes: number, bytes: Uint8Array): void {
  assertInside(handle, offsetBytes, bytes.byteLength);
  let doneBytes = 0;
  while (doneBytes < bytes.byteLength) {
    doneBytes += writeOnce(handle, bytes.subarray(doneBytes), offsetBytes + doneBytes);
  }
}

function writeOnce(handle: DeviceHandle, bytes: Uint8Array, atBytes: number): number {
  for (;;) {
    try {
      const countBytes = writeSync(handle.fd, bytes, 0, bytes.byteLength, atBytes);
      if (countBytes > 0) return countBytes;
    } catch (error) {
      if (isInterrupted(error)) continue;
      throw failedAt('write', handle, atBytes, error);
    }
    const message = `cannot write ${nameOf(handle)} at byte ${atBytes}: it accepts no more data.`;
    throw deviceError(handle, message, undefined, atBytes);
  }
}

/**
 * Fills what lies beyond the end of the file with zeros, if a dry run imagines it.
 *
 * @param atBytes where a read has found the end.
 * @throws BasynError `device`, if the device has shrunk.
 */
export function zeroBeyondEnd(handle: DeviceHandle, atBytes: number, into: Uint8Array): void {
  const { imaginedFromBytes = Infinity } = handle;
  if (atBytes < imaginedFromBytes) throw endedEarly(handle, atBytes);
  into.fill(0);
}

/** @throws BasynError `internal`, if a range is not inside the device: a bug in Basyn. */
export function assertInside(handle: DeviceHandle, offsetBytes: number, lengthBytes: number): void {
  const inside =
    Number.isSafeInteger(offsetBytes) &&
    Number.isSafeInteger(lengthBytes) &&
    offsetBytes >= 0 &&
    lengthBytes >= 0 &&
    offsetBytes + lengthBytes <= handle.sizeBytes;
  if (inside) return;
  // The message is formatted only after the check failed. The check precedes every read and write, and formatting takes
  // longer than the check.
  assert(
    false,
    `range ${offsetBytes}+${lengthBytes} is not inside the ${handle.sizeBytes} bytes of ${handle.path}`,
  );
}
