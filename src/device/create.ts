import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readlinkSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { BasynError } from '../errors.ts';
import { lockOrClose } from './claim.ts';
import { isInDeviceDirectory } from './device-directory.ts';
import { openHandle, type DeviceHandle, type OpenedDevice } from './handle.ts';
import { identityOf, identityOfFileIn, type StorageIdentity } from './identity.ts';
import { placeError, placeMessage, reasonOf, type Place } from './open.ts';
import type { TargetOptions } from './target-options.ts';

/** A target file that can be made. */
export interface CreationPlan {
  readonly place: Place;
  readonly sizeBytes: number;
  /** Of what the file will stand on. */
  readonly identity: StorageIdentity;
}

/**
 * Looks whether a regular file may be made at a path where there is nothing.
 *
 * @throws BasynError `refused`, for a path in /dev; `device`, where a file can't be made.
 */
export function planCreation(place: Place, sizeBytes: number): CreationPlan {
  const linkTarget = readLinkIfAny(place.path);
  if (linkTarget !== undefined) {
    throw placeError('device', place, `is a symbolic link to ${linkTarget}, which does not exist.`);
  }
  try {
    const directory = statSync(dirname(place.path), { bigint: true, throwIfNoEntry: false });
    if (directory === undefined) {
      throw placeError(
        'device',
        place,
        "can't be created: the directory that it would be in does not exist.",
      );
    }
    if (isInDeviceDirectory(place.path)) {
      const reason = 'a file there would live in memory and not on a disk';
      throw placeError('refused', place, `does not exist, and is not created under /dev: ${reason}.`);
    }
    accessSync(dirname(place.path), constants.W_OK);
    return { place, sizeBytes, identity: identityOfFileIn(directory) };
  } catch (error) {
    throw creationError(place, error);
  }
}

/**
 * Makes the file: sparse, of the given size, readable by its owner only, and with its name durable. From then
 * on it stays, even if the run fails before anything is written: a file with data of a person must never be
 * removed by mistake, and the next run goes on with it.
 */
export function createTarget(
  { place, sizeBytes }: CreationPlan,
  inUse: TargetOptions['inUse'],
): OpenedDevice {
  try {
    const fd = openSync(place.path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    const warnings = lockOrClose(place, fd, inUse);
    giveSizeOrRemove(place.path, fd, sizeBytes);
    syncDirectory(dirname(place.path));
    const handle = handleOf(place, fd, sizeBytes);
    const identity = identityOf(fstatSync(fd, { bigint: true }));
    return { ...openHandle(handle), identity, warnings, created: true };
  } catch (error) {
    throw creationError(place, error);
  }
}

/** For a dry run: nothing is created, and what would be reads as zeros. */
export function imagineTarget({ place, sizeBytes, identity }: CreationPlan): OpenedDevice {
  const handle = handleOf(place, openSync('/dev/zero', constants.O_RDONLY), sizeBytes);
  return {
    ...openHandle(handle),
    identity,
    warnings: [placeMessage(place, 'would be created.')],
    created: false,
  };
}

function handleOf({ side, path }: Place, fd: number, sizeBytes: number): DeviceHandle {
  return { side, path, kind: 'regular file', fd, sizeBytes, access: 'buffered', alignmentBytes: 1 };
}

function giveSizeOrRemove(path: string, fd: number, sizeBytes: number): void {
  try {
    ftruncateSync(fd, sizeBytes);
    fsyncSync(fd);
  } catch (error) {
    closeSync(fd);
    unlinkSync(path);
    throw error;
  }
}

/** A new file's name is in its directory, which has to reach the disk as well. */
function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function readLinkIfAny(path: string): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isSymbolicLink() ? readlinkSync(path) : undefined;
}

function creationError(place: Place, error: unknown): BasynError {
  if (error instanceof BasynError) return error;
  return placeError('device', place, `can't be created: ${reasonOf(error)}.`, error);
}
