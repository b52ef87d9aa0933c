import { closeSync, constants, fstatSync, open, readFileSync, statSync, type BigIntStats } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { monotonicMs } from '../clock.ts';
import { BasynError, systemReason, type Remedy } from '../errors.ts';
import { limits } from '../limits.ts';
import { deviceNumber, readBlockDevice, type DeviceNumber } from './block-device.ts';
import { withSide, type DeviceHandle, type Location } from './handle.ts';

/** A path and what it is to the run, for messages. */
export interface Place extends Location {
  /** `device`: it is only compared or described. */
  readonly role: 'source' | 'target' | 'device';
  readonly path: string;
}

const openFile = promisify(open);

/**
 * Does work at a place whose system calls should not fail.
 *
 * @throws BasynError `device`, where one does.
 */
export function examine<T>(place: Place, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw examinationError(place, error);
  }
}

/** What {@link examine} throws. */
export function examinationError(place: Place, error: unknown): BasynError {
  if (error instanceof BasynError) return error;
  const { code, path } = error as NodeJS.ErrnoException;
  // What is no failed system call is a bug of ours.
  if (code === undefined) return BasynError.from(error);
  const where = path === undefined || path === place.path ? '' : `${path}: `;
  return placeError('device', place, `can't be examined: ${where}${reasonOf(error)}.`, { cause: error });
}

/** A sentence about a place, which begins with its name: "remote target /dev/sdb1 …". */
export function placeMessage(place: Place, what: string): string {
  return `${withSide(place, `${place.role} ${place.path}`)} ${what}`;
}

/** A warning about a target that is used in spite of what it is used for already. */
export function forceWarning(place: Place, what: string): string {
  return placeMessage(place, `${what}, but writing to it is allowed.`);
}

/** An error about a place, whose message begins with the place's name. */
export function placeError(
  code: 'device' | 'refused',
  place: Place,
  what: string,
  { cause, remedy }: { readonly cause?: unknown; readonly remedy?: Remedy } = {},
): BasynError {
  const { side, path: device } = place;
  const facts = { side, device, ...(remedy !== undefined && { remedy }) };
  return new BasynError(code, placeMessage(place, what), facts, cause === undefined ? {} : { cause });
}

/** The reason behind a failed system call, in words. */
export function reasonOf(error: unknown): string {
  return systemReason(error as NodeJS.ErrnoException);
}

/**
 * What is at a path, before it is opened: to open a pipe would block, and to open some devices does something
 * (a watchdog starts).
 *
 * @returns undefined where there is nothing.
 * @throws BasynError `device`, where it is neither a block device nor a regular file, or can't be looked at.
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

/** What {@link openInspected} opened. */
export interface Opened {
  readonly fd: number;
  /** Whether the file system gives a file another number each time: nothing can be recognised by it. */
  readonly hasStableNumbers: boolean;
}

/**
 * Opens what {@link inspect} saw. Waits while somebody holds a lease on it, as a Samba server does, as long as the
 * kernel lets them.
 *
 * @param flags access mode and `O_EXCL`, as of open(2).
 * @throws NodeJS.ErrnoException from open(2); BasynError `device`, where something else is at the path by now.
 */
export async function openInspected(place: Place, expected: BigIntStats, flags: number): Promise<Opened> {
  // Keeps the open from blocking if the file becomes a pipe meanwhile. For a block device the flag has a meaning
  // of its own (an empty drive may be opened), and without it the kernel tells us about a missing medium.
  const extraFlags = expected.isFile() ? constants.O_NONBLOCK : 0;
  const fd = await openWithoutLease(place, flags | extraFlags);
  try {
    const stats = fstatSync(fd, { bigint: true });
    if (isSameFile(stats, expected)) return { fd, hasStableNumbers: true };
    if (isSameButForNumber(stats, expected) && hasUnstableNumber(place.path, stats)) {
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
      // Not in this thread, so that libuv's threads are there before ours: it ends the process where it can't start
      // its own, without a word.
      return await openFile(place.path, flags);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      // The attempt has asked the holder to give the lease up.
      endMs ??= monotonicMs() + leaseBreakMs() + limits.leaseGraceMs;
      if (monotonicMs() > endMs) {
        throw placeError(
          'device',
          place,
          'is held by a lease of another program, which does not release it.',
        );
      }
      await sleep(limits.leasePollMs);
    }
  }
}

const defaultLeaseBreakMs = 45_000;

function leaseBreakMs(): number {
  try {
    return Number(readFileSync('/proc/sys/fs/lease-break-time', 'latin1')) * 1000;
  } catch {
    // The kernel's own default, where /proc is missing.
    return defaultLeaseBreakMs;
  }
}

function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.rdev === b.rdev;
}

function isSameButForNumber(a: BigIntStats, b: BigIntStats): boolean {
  return a.isFile() && a.dev === b.dev && a.mode === b.mode && a.size === b.size && a.mtimeNs === b.mtimeNs;
}

const numberSamples = 3;

/**
 * A file that was replaced has the number of the open one from then on. One whose number changes at every look, or
 * differs by path and by descriptor, tells nothing by it.
 */
function hasUnstableNumber(path: string, opened: BigIntStats): boolean {
  for (let sample = 0; sample < numberSamples; sample++) {
    const again = statSync(path, { bigint: true });
    if (again.ino === opened.ino || !isSameButForNumber(again, opened)) return false;
  }
  return true;
}

/**
 * Whether a path now leads to an open file or device. The node of a block device may be made anew at any time (by udev), so
 * its number counts. Where inode numbers change, size and time have to do.
 */
export function leadsTo(path: string, opened: BigIntStats): boolean {
  try {
    const atPath = statSync(path, { bigint: true });
    if (opened.isBlockDevice()) return atPath.isBlockDevice() && atPath.rdev === opened.rdev;
    return (
      isSameFile(atPath, opened) || (isSameButForNumber(atPath, opened) && hasUnstableNumber(path, opened))
    );
  } catch {
    // Whatever keeps us from looking at it: the path does not lead there any more.
    return false;
  }
}

/**
 * The handle for a descriptor that {@link openInspected} opened.
 *
 * @throws BasynError `device`, where the size can't be told.
 */
export function describeOpened(place: Place, fd: number): DeviceHandle {
  const { side, hosts, path } = place;
  const stats = fstatSync(fd, { bigint: true });
  const opened = { side, hosts, path, fd, access: 'buffered', alignmentBytes: 1 } as const;
  return stats.isBlockDevice()
    ? { ...opened, kind: 'block device', sizeBytes: blockDeviceSize(place, deviceNumber(stats.rdev)) }
    : { ...opened, kind: 'regular file', sizeBytes: exactSize(place, Number(stats.size)) };
}

/** `stat` says 0 for every block device. */
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
  try {
    return statSync(place.path, { bigint: true });
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
