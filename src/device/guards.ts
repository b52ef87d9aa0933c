import { accessSync, constants, realpathSync, type BigIntStats } from 'node:fs';
import { BasynError } from '../errors.ts';
import { deviceNumber, readBlockDevice } from './block-device.ts';
import { isInDeviceDirectory } from './device-directory.ts';
import { sharesStorage, type StorageIdentity } from './identity.ts';
import { usesOf, type Use } from './in-use.ts';
import { forceWarning, placeError, reasonOf, type Place } from './open.ts';

/** @throws BasynError `refused`, where the target is the source's storage, or a part of it. `--force` or not. */
export function checkNotSource(
  place: Place,
  target: StorageIdentity,
  source: StorageIdentity | undefined,
): void {
  if (source === undefined || !sharesStorage(source, target)) return;
  throw placeError(
    'refused',
    place,
    'is the same storage as the source, or overlaps with it: name another target.',
  );
}

/**
 * @returns warnings, where the target is in use and that is allowed.
 * @throws BasynError `refused`, where it is not; `device`, where nobody can tell.
 */
export function checkInUse(place: Place, stats: BigIntStats, inUse: 'refuse' | 'warn'): string[] {
  const [first, ...others] = findUses(place, stats);
  if (first === undefined) return [];
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  if (inUse === 'refuse') {
    throw placeError('refused', place, `${first.clause}${more}: ${first.remedy}, or say --force.`);
  }
  return [forceWarning(place, `${first.clause}${more}`)];
}

function findUses(place: Place, stats: BigIntStats): Use[] {
  try {
    const memoryUse: Use = {
      clause: 'is a regular file under /dev, which lives in memory and not on a disk',
      remedy: 'remove it if it came from a typing error',
    };
    return [
      ...(stats.isFile() && isInDeviceDirectory(realpathSync.native(place.path)) ? [memoryUse] : []),
      ...usesOf(stats),
    ];
  } catch (error) {
    if (error instanceof BasynError) throw error;
    throw placeError('device', place, `may be in use, and it can't be found out: ${reasonOf(error)}.`, error);
  }
}

/** @throws BasynError `device`, where the target can only be read. A dry run has no other way to learn it. */
export function checkIsWritable(place: Place, stats: BigIntStats): void {
  // The kernel lets root open a read-only block device for writing, and fails the writes.
  if (stats.isBlockDevice() && readBlockDevice(deviceNumber(stats.rdev))?.readOnly) {
    throw placeError('device', place, 'is a read-only device: nothing can be written to it.');
  }
  try {
    accessSync(place.path, constants.R_OK | constants.W_OK);
  } catch (error) {
    throw placeError('device', place, `can't be opened for writing: ${reasonOf(error)}.`, error);
  }
}

/** @throws BasynError `refused`. */
export function checkSize(place: Place, sizeBytes: number, sourceSizeBytes: number): void {
  if (sizeBytes >= sourceSizeBytes) return;
  const sizes = `it has ${sizeBytes} bytes, and the source has ${sourceSizeBytes}`;
  throw placeError('refused', place, `is too small: ${sizes}.`);
}
