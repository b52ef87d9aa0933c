import { constants } from 'node:os';
import { BasynError } from '../errors.ts';

/** Takes a range that can't be read. It is called after the bytes of the range were replaced by zeros. */
export type UnreadableListener = (offsetBytes: number, lengthBytes: number) => void;

/** EREMOTEIO on Linux. Node has no name for it. */
const remoteIoErrno = 121;

/**
 * Errors about a range: the device works, but can't return these bytes. The kernel has more of them than EIO, because
 * direct reads return the status of the disk itself: ENODATA is a bad sector, EILSEQ a wrong check of its data, EBADMSG a
 * wrong checksum of a file system.
 */
const mediumErrnos: ReadonlySet<number> = new Set([
  constants.errno.EIO,
  constants.errno.ENODATA,
  constants.errno.EILSEQ,
  constants.errno.EBADMSG,
  remoteIoErrno,
]);

/**
 * Whether a read has failed because of the range that it reads. A device that is gone (ENXIO, ENODEV) or has shrunk is
 * another failure.
 *
 * @param error that a read of a device has thrown.
 */
export function isMediumError(error: unknown): boolean {
  if (!(error instanceof BasynError) || error.code !== 'device') return false;
  return isMediumErrno(((error.cause ?? {}) as NodeJS.ErrnoException).errno);
}

/** @param errno of a failed read, negative as in node's errors. */
export function isMediumErrno(errno: number | undefined): boolean {
  return errno !== undefined && mediumErrnos.has(-errno);
}
