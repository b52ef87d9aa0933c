import { readSync, writeSync } from 'node:fs';
import { assert, systemReason, type BasynError } from '../errors.ts';
import { deviceError, nameOf, type DeviceHandle } from './handle.ts';
import { stretchesOf } from './holes.ts';

/**
 * Fills `into` from an offset, through the page cache. Holes are not read. The range must be inside the device. Synchronous,
 * for worker threads.
 *
 * @throws BasynError `device`, with the offset of the failed read, on an I/O error and if the device has shrunk since it
 *   was opened.
 */
export function readFully(handle: DeviceHandle, offsetBytes: number, into: Uint8Array): void {
  assertInside(handle, offsetBytes, into.byteLength);
  assert(handle.access === 'buffered', 'a direct read needs memory that is aligned');
  if (handle.holes === undefined) {
    readData(handle, offsetBytes, into);
    return;
  }
  for (const stretch of stretchesOf(handle.holes, offsetBytes, into.byteLength)) {
    const start = stretch.offsetBytes - offsetBytes;
    const part = into.subarray(start, start + stretch.lengthBytes);
    if (stretch.isHole) part.fill(0);
    else readData(handle, stretch.offsetBytes, part);
  }
}

function readData(handle: DeviceHandle, offsetBytes: number, into: Uint8Array): void {
  let doneBytes = 0;
  while (doneBytes < into.byteLength) {
    const countBytes = readOnce(handle, into.subarray(doneBytes), offsetBytes + doneBytes);
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

function readOnce(handle: DeviceHandle, into: Uint8Array, atBytes: number): number {
  for (;;) {
    try {
      return readSync(handle.fd, into, 0, into.byteLength, atBytes);
    } catch (error) {
      if (isInterrupted(error)) continue;
      throw failedAt('read', handle, atBytes, error);
    }
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

/** On network and FUSE file systems, a signal may interrupt a call. libuv repeats most calls, but not reads. */
export function isInterrupted(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EINTR';
}

/** A `device` error about a failed read or write. */
export function failedAt(
  verb: 'read' | 'write',
  handle: DeviceHandle,
  atBytes: number,
  error: unknown,
): BasynError {
  const reason = systemReason(error as NodeJS.ErrnoException);
  return deviceError(
    handle,
    `cannot ${verb} ${nameOf(handle)} at byte ${atBytes}: ${reason}.`,
    error,
    atBytes,
  );
}

/** A `device` error about a device that has shrunk since it was opened. */
function endedEarly(handle: DeviceHandle, atBytes: number): BasynError {
  const sizes = `it had ${handle.sizeBytes} bytes when it was opened`;
  const message = `${nameOf(handle)} ends at byte ${atBytes}, but ${sizes}: it has shrunk.`;
  return deviceError(handle, message, undefined, atBytes);
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
