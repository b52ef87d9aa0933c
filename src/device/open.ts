import { closeSync, constants, fstatSync, open, statSync, type BigIntStats } from 'node:fs';
import { promisify } from 'node:util';
import { BasynError, systemReason, type Side } from '../errors.ts';
import { deviceNumber, readBlockDevice, type DeviceNumber } from './block-device.ts';
import type { DeviceHandle } from './handle.ts';

/** A path and what it is to the run, for messages. */
export interface Place {
  readonly side: Side;
  readonly role: 'source' | 'target';
  readonly path: string;
}

const openFile = promisify(open);

/** A sentence about a place, which begins with its name: "remote target /dev/sdb1 …". */
export function placeMessage(place: Place, what: string): string {
  const { side, role, path } = place;
  return `${side} ${role} ${path} ${what}`;
}

/** A warning about a target that is used in spite of what it is used for already. */
export function forceWarning(place: Place, what: string): string {
  return placeMessage(place, `${what}, and --force allows writing to it.`);
}

/** An error about a place, whose message begins with the place's name. */
export function placeError(
  code: 'device' | 'refused',
  place: Place,
  what: string,
  cause?: unknown,
): BasynError {
  const options = cause === undefined ? {} : { cause };
  return new BasynError(code, placeMessage(place, what), { side: place.side, device: place.path }, options);
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
    `is a block device, which works on Linux only (this is ${process.platform}).`,
  );
}

/**
 * Opens what {@link inspect} saw.
 *
 * @param flags access mode and `O_EXCL`, as of open(2).
 * @throws NodeJS.ErrnoException from open(2); BasynError `device`, where something else is at the path by now.
 */
export async function openInspected(place: Place, expected: BigIntStats, flags: number): Promise<number> {
  // Keeps the open from blocking if the file becomes a pipe meanwhile. For a block device the flag has a meaning
  // of its own (an empty drive may be opened), and without it the kernel tells us about a missing medium.
  const extraFlags = expected.isFile() ? constants.O_NONBLOCK : 0;
  // Not in this thread, so that libuv's threads are there before ours: it ends the process where it can't start its
  // own, without a word.
  const fd = await openFile(place.path, flags | extraFlags);
  const stats = fstatSync(fd, { bigint: true });
  if (stats.dev === expected.dev && stats.ino === expected.ino && stats.rdev === expected.rdev) return fd;
  closeSync(fd);
  throw placeError(
    'device',
    place,
    'was replaced by something else while it was being opened: run it again.',
  );
}

/**
 * The handle for a descriptor that {@link openInspected} opened.
 *
 * @throws BasynError `device`, where the size can't be told.
 */
export function describeOpened(place: Place, fd: number): DeviceHandle {
  const { side, path } = place;
  const stats = fstatSync(fd, { bigint: true });
  const opened = { side, path, fd, access: 'buffered', alignmentBytes: 1 } as const;
  return stats.isBlockDevice()
    ? { ...opened, kind: 'block device', sizeBytes: blockDeviceSize(place, deviceNumber(stats.rdev)) }
    : { ...opened, kind: 'regular file', sizeBytes: exactSize(place, Number(stats.size)) };
}

/** `stat` says 0 for every block device. */
function blockDeviceSize(place: Place, number: DeviceNumber): number {
  const device = readBlockDevice(number);
  if (device === undefined) {
    throw placeError('device', place, `is not in /sys/dev/block (as ${number}), where its size would be.`);
  }
  if (device.sizeBytes === 0) {
    throw placeError(
      'device',
      place,
      'has a size of 0 bytes: there is no medium in it, or nothing is attached to it.',
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
    throw placeError('device', place, `can't be opened: ${reasonOf(error)}.`, error);
  }
}

function wrongKind(stats: BigIntStats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isCharacterDevice()) return 'a character device';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return 'something else';
}
