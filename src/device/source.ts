import { closeSync, constants, readSync, statSync, type BigIntStats } from 'node:fs';
import { BasynError } from '../errors.ts';
import { notesOf, numberWarnings, withoutNumber } from './examination-gaps.ts';
import { openHandle, type DeviceHandle, type Location, type OpenedDevice } from './handle.ts';
import { identityOf, type Stack, type StorageIdentity } from './identity.ts';
import { subjectOf, writableMountPoints, type Subject, type Use } from './in-use.ts';
import { KernelView } from './kernel-view.ts';
import { openersOf } from './openers.ts';
import {
  describeOpened,
  examinationError,
  examine,
  inspect,
  openInspected,
  placeError,
  placeMessage,
  reasonOf,
  type Opened,
  type Place,
} from './open.ts';
import { systemPathOf } from './reach.ts';
import { realKernelPath } from './regions.ts';

/**
 * Opens a device or file for reading only. It may be in use: a warning reports a file system on it that is mounted
 * read-write.
 *
 * @throws BasynError `device`, if it does not exist, is neither a block device nor a regular file, can't be opened, or its
 *   size can't be determined.
 */
export async function openSource(
  path: string,
  { role = 'source', ...location }: Location & { readonly role?: 'source' | 'device' },
): Promise<OpenedDevice> {
  const place: Place = { ...location, role, path };
  const stats = inspect(place);
  if (stats === undefined) throw placeError('device', place, 'does not exist.');
  const subject = examine(place, () => subjectOf(stats, realKernelPath(systemPathOf(place))));
  const searching = openersOf(subject, 'writers');
  // Awaited below. If another failure comes first, that one is reported.
  searching.catch(() => undefined);
  const { fd, hasStableNumbers } = await openForReading(place, stats);
  try {
    const opened = openHandle(examine(place, () => describeOpened(place, fd)));
    examine(place, () => checkEmptiness(place, opened.handle));
    const { uses, unexamined } = await searching;
    const warnings = [
      ...mountWarnings(place, subject),
      ...openerWarnings(place, uses),
      ...numberWarnings(place, hasStableNumbers),
    ];
    const notes = notesOf(place, subject.stack, unexamined);
    const identity = identityOf(hasStableNumbers ? subject.stack : withoutNumber(subject.stack));
    return { ...opened, identity, warnings, notes, created: false };
  } catch (error) {
    closeSync(fd);
    throw examinationError(place, error);
  }
}

/**
 * The storage of a device or file that is not opened.
 *
 * @throws BasynError `device`, if it does not exist or can't be examined.
 */
export function identityAt(place: Place): StorageIdentity {
  const stats = inspect(place);
  if (stats === undefined) throw placeError('device', place, 'does not exist.');
  return examine(place, () => identityOf(subjectOf(stats, realKernelPath(systemPathOf(place))).stack));
}

/**
 * The storage of devices or files of this host that are not opened, as the kernel reports it at one moment.
 *
 * @returns undefined for each that does not exist or can't be examined: a run that opens it reports that.
 */
export function stacksAt(paths: readonly string[]): (Stack | undefined)[] {
  const view = new KernelView();
  return paths.map((path) => {
    try {
      return subjectOf(statSync(path, { bigint: true }), realKernelPath(path), view).stack;
    } catch {
      return undefined;
    }
  });
}

async function openForReading(place: Place, stats: BigIntStats): Promise<Opened> {
  try {
    return await openInspected(place, stats, constants.O_RDONLY);
  } catch (error) {
    if (error instanceof BasynError) throw error;
    throw placeError('device', place, `can't be opened for reading: ${reasonOf(error)}.`, { cause: error });
  }
}

/** Files of the kernel (in /proc, and some in /sys) report a size of 0 but contain data. */
function checkEmptiness(place: Place, { fd, sizeBytes }: DeviceHandle): void {
  if (sizeBytes > 0 || readSync(fd, Buffer.alloc(1), 0, 1, 0) === 0) return;
  throw placeError(
    'device',
    place,
    'reports a size of 0 bytes but contains data: it is not a file on a disk.',
  );
}

const advice = 'use a snapshot (LVM) or remount it read-only, or the result may be inconsistent.';

/** A source is only read. It is not refused if its mounts can't be determined. */
function mountWarnings(place: Place, subject: Subject): string[] {
  try {
    const mountPoints = [...new Set(writableMountPoints(subject))];
    if (mountPoints.length === 0) return [];
    return [placeMessage(place, `is mounted read-write on ${mountPoints.join(', ')}: ${advice}`)];
  } catch (error) {
    const { code, path = 'the table of mounts' } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'EPERM') throw error;
    const what = `may be mounted read-write, which can't be determined (${path}: ${reasonOf(error)}).`;
    return [placeMessage(place, what)];
  }
}

function openerWarnings(place: Place, uses: readonly Use[]): string[] {
  return uses.map(({ clause }) => placeMessage(place, `${clause}: the result may be inconsistent.`));
}
