import { closeSync, constants, fstatSync, open, readFileSync, statSync, type BigIntStats } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { monotonicMs } from '../clock.ts';
import { BasynError, systemReason, type Remedy } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import { deviceNumber, readBlockDevice, type DeviceNumber } from './block-device.ts';
import { withSide, type DeviceHandle, type Location } from './handle.ts';
import { systemPathOf } from './reach.ts';

/** A path and its role in the run, for messages. */
export interface Place extends Location {
  /** `device`: the run only compares or describes it. */
  readonly role: 'source' | 'target' | 'device';
  readonly path: string;
}

const openFile = promisify(open);

/**
 * Does work on a device whose system calls should not fail.
 *
 * @throws BasynError `device`, if one fails.
 */
export function examine<T>(place: Place, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw examinationError(place, error);
  }
}

/** The error that {@link examine} throws. */
export function examinationError(place: Place, error: unknown): BasynError {
  if (error instanceof BasynError) return error;
  const { code, path } = error as NodeJS.ErrnoException;
  // An error without a code is not from a system call, but a bug in Basyn.
  if (code === undefined) return BasynError.from(error);
  const where = path === undefined || path === systemPathOf(place) ? '' : `${path}: `;
  return placeError('device', place, `can't be examined: ${where}${reasonOf(error)}.`, { cause: error });
}

/** A sentence about a device that begins with its name: "remote target /dev/sdb1 …". */
export function placeMessage(place: Place, what: string): string {
  return `${withSide(place, `${place.role} ${place.path}`)} ${what}`;
}

/** A warning about a target that is in use, which the user has allowed. */
export function forceWarning(place: Place, what: string): string {
  return placeMessage(place, `${what}, but writing to it is allowed.`);
}

/** An error about a device. Its message begins with the name of the device. */
export function placeError(
  code: 'device' | 'refused',
  place: Place,
  what: string,
  { cause, remedy }: { readonly cause?: unknown; readonly remedy?: Remedy } = {},
): BasynError {
  const { side, path: device } = place;
  return new BasynError(code, placeMessage(place, what), { side, device, remedy }, { cause });
}

/** The reason of a failed system call, in words. */
export function reasonOf(error: unknown): string {
  return systemReason(error as NodeJS.ErrnoException);
}

/**
 * Examines a path before it is opened. Opening a pipe would block, and opening some devices has effects, such as starting
 * a watchdog.
 *
 * @returns undefined if the path does not exist.
 * @throws BasynError `device`, if it is neither a block device nor a regular file, or can't be examined.
 */
export function inspect(place: Place): BigIntStats | undefined {
  const stats = statIfThere(place);
  if (stats === undefined || stats.isFile()) return stats;
  if (!stats.isBlockDevice()) {
    throw placeError('device', place, `is ${wrongKind(stats)}, not a block device or file.`);
  }
  if (process.platform === 'linux') return stats;
  throw placeError(
    'device',
    place,
    `is a block device, which is supported on Linux only (this is ${process.platform}).`,
  );
}

/** The result of {@link openInspected}. */
export interface Opened {
  readonly fd: number;
  /** False if the file system reports another inode number each time, so that the number does not identify the file. */
  readonly hasStableNumbers: boolean;
}

/**
 * Opens the device or file that {@link inspect} examined. If another program holds a lease on it, as a Samba server does,
 * waits until the kernel breaks the lease.
 *
 * @param flags access mode and `O_EXCL`, as for open(2).
 * @throws NodeJS.ErrnoException from open(2); BasynError `device`, if the path was replaced after the examination.
 */
export async function openInspected(place: Place, expected: BigIntStats, flags: number): Promise<Opened> {
  // Prevents the open from blocking if a pipe replaces the file. Block devices are opened without the flag: with it, the
  // kernel would open an empty drive and not report the missing medium.
  const extraFlags = expected.isFile() ? constants.O_NONBLOCK : 0;
  const fd = await openWithoutLease(place, flags | extraFlags);
  try {
    const stats = fstatSync(fd, { bigint: true });
    if (isSameFile(stats, expected)) return { fd, hasStableNumbers: true };
    if (isSameButForNumber(stats, expected) && hasUnstableNumber(systemPathOf(place), stats)) {
      return { fd, hasStableNumbers: false };
    }
    throw placeError(
      'device',
      place,
      'was replaced by something else while it was being opened: run it again.',
    );
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

async function openWithoutLease(place: Place, flags: number): Promise<number> {
  let endMs: number | undefined;
  for (;;) {
    try {
      // Asynchronous, so that libuv starts its threads before Basyn starts its workers. libuv aborts the process without
      // a message if it cannot start them.
      return await openFile(systemPathOf(place), flags);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      // The failed open has asked the holder to release the lease.
      endMs ??= monotonicMs() + leaseBreakMs() + bounds.leaseGraceMs;
      if (monotonicMs() > endMs) {
        throw placeError(
          'device',
          place,
          'is held by a lease of another program, which does not release it.',
        );
      }
      await sleep(tuning.leasePollMs);
    }
  }
}

function leaseBreakMs(): number {
  try {
    return Number(readFileSync('/proc/sys/fs/lease-break-time', 'latin1')) * 1000;
  } catch {
    // Without /proc, the default of the kernel.
    return bounds.leaseBreakMs;
  }
}

function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.rdev === b.rdev;
}

function isSameButForNumber(a: BigIntStats, b: BigIntStats): boolean {
  return a.isFile() && a.dev === b.dev && a.mode === b.mode && a.size === b.size && a.mtimeNs === b.mtimeNs;
}

/**
 * Whether the inode number of a file differs each time it is read, or differs by path and by descriptor. Such a number does
 * not identify the file. A file that was replaced once has a constant number afterwards.
 */
function hasUnstableNumber(path: string, opened: BigIntStats): boolean {
  for (let sample = 0; sample < tuning.inodeNumberSamples; sample++) {
    const again = statSync(path, { bigint: true });
    if (again.ino === opened.ino || !isSameButForNumber(again, opened)) return false;
  }
  return true;
}

/**
 * Whether a path now leads to an open file or device. udev may recreate the node of a block device at any time, so its
 * device number counts. If inode numbers are not stable, size and modification time count.
 */
export function leadsTo(path: string, opened: BigIntStats): boolean {
  try {
    const atPath = statSync(path, { bigint: true });
    if (opened.isBlockDevice()) return atPath.isBlockDevice() && atPath.rdev === opened.rdev;
    return (
      isSameFile(atPath, opened) || (isSameButForNumber(atPath, opened) && hasUnstableNumber(path, opened))
    );
  } catch {
    // If the path cannot be examined for any reason, it no longer leads to the device.
    return false;
  }
}

/**
 * The handle for a descriptor that {@link openInspected} opened.
 *
 * @throws BasynError `device`, if the size can't be determined.
 */
export function describeOpened(place: Place, fd: number): DeviceHandle {
  const { side, hosts, path, reach } = place;
  const stats = fstatSync(fd, { bigint: true });
  const opened = {
    side,
    hosts,
    path,
    ...(reach && { reach }),
    fd,
    access: 'buffered',
    alignmentBytes: 1,
  } as const;
  return stats.isBlockDevice()
    ? { ...opened, kind: 'block device', sizeBytes: blockDeviceSize(place, deviceNumber(stats.rdev)) }
    : { ...opened, kind: 'regular file', sizeBytes: exactSize(place, Number(stats.size)) };
}

/** `stat` reports a size of 0 for every block device. */
function blockDeviceSize(place: Place, number: DeviceNumber): number {
  const device = readBlockDevice(number);
  if (device === undefined) {
    throw placeError('device', place, `has no entry ${number} in /sys/dev/block, so its size is unknown.`);
  }
  if (device.sizeBytes === 0) {
    throw placeError(
      'device',
      place,
      'has a size of 0 bytes: it has no medium, or nothing is attached to it.',
    );
  }
  return exactSize(place, device.sizeBytes);
}

function exactSize(place: Place, sizeBytes: number): number {
  if (Number.isSafeInteger(sizeBytes)) return sizeBytes;
  throw placeError('device', place, `has ${sizeBytes} bytes, more than can be counted exactly.`);
}

function statIfThere(place: Place): BigIntStats | undefined {
  // What has appeared there meanwhile may be a symbolic link.
  if (place.reach?.kind === 'missing') return undefined;
  try {
    return statSync(systemPathOf(place), { bigint: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw placeError('device', place, `can't be opened: ${reasonOf(error)}.`, { cause: error });
  }
}

function wrongKind(stats: BigIntStats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isCharacterDevice()) return 'a character device';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return 'something else';
}
