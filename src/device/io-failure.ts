import { BasynError, systemReason, type Remedy } from '../errors.ts';
import { deviceError, nameOf, type DeviceHandle } from './handle.ts';
import { isMediumErrno } from './medium-error.ts';

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
  const { side, path, isSkippable } = handle;
  const isRange = verb === 'read' && isMediumErrno((error as NodeJS.ErrnoException).errno);
  const remedy: Remedy | undefined = isRange && isSkippable === true ? 'skip-read-errors' : undefined;
  const message = `cannot ${verb} ${nameOf(handle)} at byte ${atBytes}: ${reason}.`;
  const facts = { side, device: path, offsetBytes: atBytes, remedy };
  return new BasynError('device', message, facts, { cause: error });
}

/** A `device` error about a device that has shrunk since it was opened. */
export function endedEarly(handle: DeviceHandle, atBytes: number): BasynError {
  const sizes = `it had ${handle.sizeBytes} bytes when it was opened`;
  const message = `${nameOf(handle)} ends at byte ${atBytes}, but ${sizes}: it has shrunk.`;
  return deviceError(handle, message, undefined, atBytes);
}
