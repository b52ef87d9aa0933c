import { accessSync, closeSync, constants, openSync, realpathSync } from 'node:fs';
import { BasynError } from '../errors.ts';
import { deviceNumber, readBlockDevice } from './block-device.ts';
import { isInDeviceDirectory } from './device-directory.ts';
import { isAnonymous, mountOf } from './file-system.ts';
import { sharesStorage, type StorageIdentity } from './identity.ts';
import { usesOf, type Subject, type Use } from './in-use.ts';
import { examinationError, forceWarning, placeError, placeMessage, reasonOf, type Place } from './open.ts';
import { systemPathOf } from './reach.ts';

/**
 * Refuses a target that is, or may be, the storage of the source or a part of it. `--force` does not allow it.
 *
 * @returns warnings, if it can't be determined whether the file system of the target is on the source.
 * @throws BasynError `refused`.
 */
export function checkNotSource(
  place: Place,
  target: StorageIdentity,
  source: StorageIdentity | undefined,
): string[] {
  const sharing = source === undefined ? undefined : sharesStorage(source, target);
  switch (sharing?.answer) {
    case undefined:
    case 'different':
      return [];
    case 'same':
      throw placeError(
        'refused',
        place,
        'is the same storage as the source, or overlaps with it: name another target.',
      );
    case 'unknown machine':
      throw placeError(
        'refused',
        place,
        'may be the same storage as the source: both hosts have the same boot ID, but different clocks. ' +
          'If a clock was just set, run it again. If one host is a clone of the other, restart one of them.',
      );
    case 'unknown storage': {
      const { what, mayBe } = sharing.gap;
      const doubt = `may be the same storage as the source, because it can't be determined ${what}`;
      if (mayBe !== 'block device') throw placeError('refused', place, `${doubt}.`);
      return [placeMessage(place, `${doubt}.`)];
    }
  }
}

/**
 * @returns warnings, if the target is in use and `inUse` allows that.
 * @throws BasynError `refused`, if the target is in use, or if its use can't be determined.
 */
export function checkInUse(place: Place, subject: Subject, inUse: 'refuse' | 'warn'): string[] {
  return refuseUses(place, findUses(place, subject), inUse);
}

/** @throws BasynError `refused`, if there are uses and `inUse` does not allow them. */
export function refuseUses(place: Place, uses: readonly Use[], inUse: 'refuse' | 'warn'): string[] {
  const [first, ...others] = uses;
  if (first === undefined) return [];
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  if (inUse === 'refuse') {
    throw placeError('refused', place, `${first.clause}${more}: ${first.remedy}.`, { remedy: 'force' });
  }
  return [forceWarning(place, `${first.clause}${more}`)];
}

function findUses(place: Place, subject: Subject): Use[] {
  try {
    const memoryUse: Use = {
      clause: 'is a regular file under /dev, which is in memory and not on a disk',
      remedy: 'remove it if it was created by mistake',
    };
    const isInMemory =
      subject.stats.isFile() && isInDeviceDirectory(realpathSync.native(systemPathOf(place)), subject.view);
    return [...(isInMemory ? [memoryUse] : []), ...usesOf(subject)];
  } catch (error) {
    const { code, path = 'the table of mounts' } = error as NodeJS.ErrnoException;
    // Not visible: in a chroot, or without permission. Other failures are not about the use of the target.
    if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'EPERM') throw examinationError(place, error);
    const clause = `may be in use, which can't be determined (${path}: ${reasonOf(error)})`;
    return [{ clause, remedy: 'mount /proc and /sys' }];
  }
}

/** @throws BasynError `device`, if the target is read-only. A dry run finds that out only here. */
export function checkIsWritable(place: Place, { stats, path, view }: Subject): void {
  try {
    // The kernel lets root open a read-only block device for writing, and then rejects the writes.
    if (stats.isBlockDevice() && readBlockDevice(deviceNumber(stats.rdev))?.readOnly) {
      throw placeError('device', place, 'is a read-only device: nothing can be written to it.');
    }
    accessSync(systemPathOf(place), constants.R_OK | constants.W_OK);
    const isOnOverlay =
      isAnonymous(deviceNumber(stats.dev)) && path && mountOf(path, view.mounts)?.type === 'overlay';
    // Opening a block device triggers udev. Opening a file of an overlay for writing may copy the whole file.
    if (stats.isFile() && !isOnOverlay) tryOpening(systemPathOf(place));
  } catch (error) {
    if (error instanceof BasynError) throw error;
    throw placeError('device', place, `can't be opened for writing: ${reasonOf(error)}.`, { cause: error });
  }
}

/** Only open(2) fails for a file that is append-only, or that is a running program. */
function tryOpening(path: string): void {
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
  } catch (error) {
    // Another program holds a lease on the file. The open of the target waits for it.
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}
