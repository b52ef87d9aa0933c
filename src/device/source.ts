import { closeSync, constants, readSync, type BigIntStats } from 'node:fs';
import { BasynError, type Side } from '../errors.ts';
import { openHandle, type DeviceHandle, type OpenedDevice } from './handle.ts';
import { identityOf } from './identity.ts';
import { writableMountPoints } from './in-use.ts';
import {
  describeOpened,
  inspect,
  openInspected,
  placeError,
  placeMessage,
  reasonOf,
  type Place,
} from './open.ts';

/**
 * Opens a device or file for reading only. It may be in use: a warning says so where a file system on it is
 * mounted read-write.
 *
 * @throws BasynError `device`, where it is missing, is no block device or regular file, can't be opened, or doesn't
 *   say how large it is.
 */
export async function openSource(path: string, { side }: { side: Side }): Promise<OpenedDevice> {
  const place: Place = { side, role: 'source', path };
  const stats = inspect(place);
  if (stats === undefined) throw placeError('device', place, 'does not exist.');
  const fd = await openForReading(place, stats);
  try {
    const opened = openHandle(describeOpened(place, fd));
    checkEmptiness(place, opened.handle);
    return { ...opened, identity: identityOf(stats), warnings: mountWarnings(place, stats), created: false };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

async function openForReading(place: Place, stats: BigIntStats): Promise<number> {
  try {
    return await openInspected(place, stats, constants.O_RDONLY);
  } catch (error) {
    if (error instanceof BasynError) throw error;
    throw placeError('device', place, `can't be opened for reading: ${reasonOf(error)}.`, error);
  }
}

/** The files of the kernel (/proc, some of /sys) say that they have no bytes, and give some. */
function checkEmptiness(place: Place, { fd, sizeBytes }: DeviceHandle): void {
  if (sizeBytes > 0 || readSync(fd, Buffer.alloc(1), 0, 1, 0) === 0) return;
  throw placeError(
    'device',
    place,
    'says that it has no bytes, and yet there are some: it is no file on a disk.',
  );
}

function mountWarnings(place: Place, stats: BigIntStats): string[] {
  const mountPoints = [...new Set(writableMountPoints(stats))];
  if (mountPoints.length === 0) return [];
  const advice = 'use a snapshot (LVM) or remount it read-only, or the copy may be inconsistent.';
  return [placeMessage(place, `is mounted read-write on ${mountPoints.join(', ')}: ${advice}`)];
}
