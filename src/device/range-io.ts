import { readSync, writeSync } from 'node:fs';
import { assert, systemReason, type BasynError } from '../errors.ts';
import { deviceError, nameOf, type DeviceHandle } from './handle.ts';
import { waitForRate } from './read-rate.ts';

/**
 * Fills `into` from an offset, through the page cache. The range must be inside the device. Synchronous, for worker
 * threads.
 *
 * @throws BasynError `device`, with the offset of the failed read, on an I/O error and if the device has shrunk since it
 *   was opened.
 */
export function readFully(handle: DeviceHandle, offsetBytes: number, into: Uint8Array): void {
  assertInside(handle, offsetBytes, into.byteLength);
  assert(handle.access === 'buffered', 'a direct read needs memory that is aligned');
  waitForRate(handle, into.byteLength);
  let doneBytes = 0;
  while (doneBytes < into.byteLength) {
    const countBytes = readOnce(handle, into.subarray(doneBytes), offsetBytes + doneBytes);
    if (countBytes === 0) throw endedEarly(handle, offsetBytes + doneBytes);
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
export function endedEarly(handle: DeviceHandle, atBytes: number): BasynError {
  const sizes = `it had ${handle.sizeBytes} bytes when it was opened`;
  const message = `${nameOf(handle)} ends at byte ${atBytes}, but ${sizes}: it has shrunk.`;
  return deviceError(handle, message, undefined, atBytes);
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
