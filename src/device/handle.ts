import { close, fsync } from 'node:fs';
import { promisify } from 'node:util';
import { BasynError, systemReason, type Side } from '../errors.ts';
import type { SharedRate } from '../token-bucket.ts';
import type { ContentMarks } from './content-marks.ts';
import type { HoleMap } from './holes.ts';
import type { StorageIdentity } from './identity.ts';
import { systemPathOf, type Reach } from './reach.ts';

export type DeviceKind = 'block device' | 'regular file';

/** Where the device of a run is. */
export interface Location {
  readonly side: Side;
  /** Whether the devices of the run are on one host. Messages then name no side, as "remote" would mean another host. */
  readonly hosts: 'one' | 'two';
  /** Left out: system calls follow the path of the device. */
  readonly reach?: Reach;
}

/**
 * An open device or file. Plain data: it can be sent to a worker thread, which then uses the same descriptor.
 */
export interface DeviceHandle extends Location {
  /** As the user wrote it. */
  readonly path: string;
  readonly kind: DeviceKind;
  readonly fd: number;
  readonly sizeBytes: number;
  /** `direct` bypasses the page cache (`O_DIRECT`). */
  readonly access: 'buffered' | 'direct';
  /** Reads start and end at multiples of it: 1 for buffered access, a power of two for direct access. */
  readonly alignmentBytes: number;
  /** Ranges that are zeros without being read. Left out if everything is read. */
  readonly holes?: HoleMap;
  /** From here on the file does not exist yet, and reads as zeros: a dry run would extend it. */
  readonly imaginedFromBytes?: number;
  /** Whether the user may let the run leave out what can't be read. It may in a source. */
  readonly isSkippable?: true;
  /** The rate at which all threads together read the device. Undefined: as fast as it can be read. */
  readonly readRate?: SharedRate;
}

/** A handle that can be closed. The function that opened it closes it, after the last thread has used it. */
export interface OpenHandle {
  readonly handle: DeviceHandle;
  /** Closes the descriptor. The kernel then releases its claim or lock. */
  readonly close: () => Promise<void>;
}

/** A source or a target, ready for use. */
export interface OpenedDevice extends OpenHandle {
  /** Which storage it is, for the comparison with the device of the peer. */
  readonly identity: StorageIdentity;
  /** Sentences for the user. The run continues. */
  readonly warnings: readonly string[];
  /** Sentences for `--verbose`: what could not be examined. */
  readonly notes: readonly string[];
  /** Whether the target file was created. It stays even if the run fails. */
  readonly created: boolean;
  /** Of a file that was extended: its marks before that. */
  readonly marksBefore?: ContentMarks;
  /** Bytes of the target from here on are new in this run: 0 if the file was created. Left out where none are. */
  readonly newFromBytes?: number;
}

const closeFile = promisify(close);
const syncFile = promisify(fsync);

/** A handle, with the function that closes its descriptor. */
export function openHandle(handle: DeviceHandle): OpenHandle {
  return { handle, close: () => closeHandle(handle) };
}

/** @throws BasynError `device`: some network file systems report a failed write only now. */
async function closeHandle(handle: DeviceHandle): Promise<void> {
  try {
    await closeFile(handle.fd);
  } catch (error) {
    const reason = systemReason(error as NodeJS.ErrnoException);
    throw deviceError(
      handle,
      `cannot close ${nameOf(handle)}: ${reason}; data may not be on the disk.`,
      error,
    );
  }
}

/**
 * Makes all data that was written to the device durable, through any descriptor. Uses `fsync` instead of `fdatasync`,
 * because the size of a file and the location of its blocks have to be durable, too.
 *
 * @throws BasynError `device`, if the kernel could not write some of the data.
 */
export async function flush(handle: DeviceHandle): Promise<void> {
  try {
    await syncFile(handle.fd);
  } catch (error) {
    const reason = systemReason(error as NodeJS.ErrnoException);
    throw deviceError(
      handle,
      `cannot flush ${nameOf(handle)}: ${reason}; data may not be on the disk.`,
      error,
    );
  }
}

/** "local device /dev/sdb1", for messages; in a run on one host "device /dev/sdb1". */
export function nameOf(handle: DeviceHandle): string {
  return withSide(handle, `${handle.kind === 'block device' ? 'device' : 'file'} ${handle.path}`);
}

/** The name of a device in messages: "remote target /dev/sdb1", or in a run on one host "target /dev/sdb1". */
export function withSide({ side, hosts }: Location, name: string): string {
  return hosts === 'one' ? name : `${side} ${name}`;
}

/**
 * Does work on an open device whose system calls should not fail.
 *
 * @throws BasynError `device`, if one fails.
 */
export function examineOpen<T>(handle: DeviceHandle, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw examinationFailure(handle, error);
  }
}

/** A failed system call becomes a `device` error. A BasynError is passed on. Any other error is a bug in Basyn. */
function examinationFailure(handle: DeviceHandle, error: unknown): BasynError {
  if (error instanceof BasynError) return error;
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === undefined) return BasynError.from(error);
  const where = path === undefined || path === systemPathOf(handle) ? '' : `${path}: `;
  const reason = systemReason(error as NodeJS.ErrnoException);
  return deviceError(handle, `cannot examine ${nameOf(handle)}: ${where}${reason}.`, error);
}

/** A `device` error at a place on this device. */
export function deviceError(
  { side, path }: Pick<DeviceHandle, 'side' | 'path'>,
  message: string,
  cause: unknown,
  offsetBytes?: number,
): BasynError {
  return new BasynError('device', message, { side, device: path, offsetBytes }, { cause });
}
