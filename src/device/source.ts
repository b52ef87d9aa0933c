import { closeSync, constants, type BigIntStats } from 'node:fs';
import { BasynError, type Side } from '../errors.ts';
import { openHandle, type OpenedDevice } from './handle.ts';
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
 * @throws BasynError `device`, where it is missing, is no block device or regular file, or can't be opened.
 */
export async function openSource(path: string, { side }: { side: Side }): Promise<OpenedDevice> {
  const place: Place = { side, role: 'source', path };
  const stats = inspect(place);
  if (stats === undefined) throw placeError('device', place, 'does not exist.');
  const fd = await openForReading(place, stats);
  try {
    const opened = openHandle(describeOpened(place, fd));
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

function mountWarnings(place: Place, stats: BigIntStats): string[] {
  const mountPoints = [...new Set(writableMountPoints(stats))];
  if (mountPoints.length === 0) return [];
  const advice = 'use a snapshot (LVM) or remount it read-only, or the copy may be inconsistent.';
  return [placeMessage(place, `is mounted read-write on ${mountPoints.join(', ')}: ${advice}`)];
}
