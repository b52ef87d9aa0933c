import { systemReason, type BasynError } from '../errors.ts';
import { deviceError, nameOf, type DeviceHandle } from './handle.ts';

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
