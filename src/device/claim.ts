import { closeSync, constants, type BigIntStats } from 'node:fs';
import { BasynError } from '../errors.ts';
import { runHelper } from './helper-program.ts';
import { forceWarning, openInspected, placeError, placeMessage, reasonOf, type Place } from './open.ts';
import type { TargetOptions } from './target-options.ts';

const lockTimeoutMs = 5_000;

/** An open target that nobody else writes to, as far as the warnings don't say otherwise. */
export interface Claimed {
  readonly fd: number;
  readonly hasStableNumbers: boolean;
  readonly warnings: readonly string[];
}

/**
 * Opens the target so that a second run, a mount or a volume manager can't get at it until the last descriptor
 * is closed, by whatever ends us.
 *
 * @param isKnownInUse a warning has said already who uses it.
 * @throws BasynError `refused`, where somebody else was first; `device`, where it can't be opened.
 */
export async function openClaimed(
  place: Place,
  stats: BigIntStats,
  options: TargetOptions,
  isKnownInUse: boolean,
): Promise<Claimed> {
  const access = options.purpose === 'dry run' ? constants.O_RDONLY : constants.O_RDWR;
  try {
    if (stats.isBlockDevice()) {
      const claimed = await openExclusively(place, stats, access, options.inUse);
      // Who uses a device has claimed it: that is the same thing once more. A file's lock is another thing.
      return isKnownInUse ? { ...claimed, warnings: [] } : claimed;
    }
    const opened = await openInspected(place, stats, access);
    return { ...opened, warnings: await lockOrClose(place, opened.fd, options.inUse) };
  } catch (error) {
    if (error instanceof BasynError) throw error;
    throw placeError('device', place, `can't be opened for writing: ${reasonOf(error)}.`, { cause: error });
  }
}

/** Without `O_CREAT`, `O_EXCL` has a meaning for block devices only: the kernel's claim, as a mount has it. */
async function openExclusively(
  place: Place,
  stats: BigIntStats,
  access: number,
  inUse: TargetOptions['inUse'],
): Promise<Claimed> {
  try {
    return { ...(await openInspected(place, stats, access | constants.O_EXCL)), warnings: [] };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    const what =
      'is claimed by another program or by the kernel (another run, a mount, a volume or an array)';
    if (inUse === 'refuse') {
      throw placeError('refused', place, `${what}: end that first.`, { cause: error, remedy: 'force' });
    }
    return { ...(await openInspected(place, stats, access)), warnings: [forceWarning(place, what)] };
  }
}

/**
 * Locks a regular file against other runs.
 *
 * @returns warnings.
 * @throws BasynError `refused`, where it is locked by another; `device`, where the system has no room for one more
 *   process. The descriptor is closed then.
 */
export async function lockOrClose(
  place: Place,
  fd: number,
  inUse: TargetOptions['inUse'],
): Promise<string[]> {
  try {
    switch (await lockFile(fd)) {
      case 'locked':
        return [];
      case 'unavailable':
        return [placeMessage(place, "can't be locked (by flock): nothing stops a second run to it.")];
      case 'held by another': {
        const what = 'is locked by another program, maybe another run';
        if (inUse === 'warn') return [forceWarning(place, what)];
        throw placeError('refused', place, `${what}: end that first.`, { remedy: 'force' });
      }
    }
  } catch (error) {
    closeSync(fd);
    if (error instanceof BasynError) throw error;
    throw placeError('device', place, `can't be locked: ${reasonOf(error)}.`, { cause: error });
  }
}

/**
 * Node has no flock(2). But such a lock belongs to the open file, not to the process that asks for it: flock(1)
 * takes it through the descriptor that it inherits, and it stays ours after that child has ended. The kernel
 * drops it with our last descriptor. Anyone who may read the file can hold such a lock, and so keep us out.
 */
async function lockFile(fd: number): Promise<'locked' | 'held by another' | 'unavailable'> {
  const end = await runHelper('flock', ['-n', '-x', '3'], { inherited: { 3: fd }, timeoutMs: lockTimeoutMs });
  if ('error' in end) {
    if (end.error.code === 'ENOENT' || end.error.code === 'EACCES') return 'unavailable';
    throw end.error;
  }
  if (end.status === 0) return 'locked';
  return end.status === 1 ? 'held by another' : 'unavailable';
}
