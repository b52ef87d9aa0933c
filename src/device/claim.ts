import { closeSync, constants, type BigIntStats } from 'node:fs';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import { runHelper } from './helper-program.ts';
import { forceWarning, openInspected, placeError, placeMessage, reasonOf, type Place } from './open.ts';
import type { TargetOptions } from './target-options.ts';

/** An open target. No other program writes to it, unless a warning says so. */
export interface Claimed {
  readonly fd: number;
  readonly hasStableNumbers: boolean;
  readonly warnings: readonly string[];
}

/**
 * Opens the target and claims it: a second run, a mount and a volume manager are refused until the last descriptor is
 * closed. The kernel closes it also if this process is killed.
 *
 * @param isKnownInUse whether a warning already reports the use of the target.
 * @throws BasynError `refused`, if another program has claimed it; `device`, if it can't be opened.
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
      // The user of a block device has claimed it, so a second warning would report the same use. The lock of a file is
      // independent of other uses.
      return isKnownInUse ? { ...claimed, warnings: [] } : claimed;
    }
    const opened = await openInspected(place, stats, access);
    return { ...opened, warnings: await lockOrClose(place, opened.fd, options.inUse) };
  } catch (error) {
    if (error instanceof BasynError) throw error;
    throw placeError('device', place, `can't be opened for writing: ${reasonOf(error)}.`, { cause: error });
  }
}

/** Without `O_CREAT`, `O_EXCL` claims a block device in the kernel, as a mount does. */
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
      throw placeError('refused', place, `${what}: release it first.`, { cause: error, remedy: 'force' });
    }
    return { ...(await openInspected(place, stats, access)), warnings: [forceWarning(place, what)] };
  }
}

/**
 * Locks a regular file against other runs.
 *
 * @returns warnings.
 * @throws BasynError `refused`, if another program has locked it; `device`, if the system cannot start another process.
 *   The descriptor is closed then.
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
        return [placeMessage(place, "can't be locked by flock: a second run to it would not be refused.")];
      case 'held by another': {
        const what = 'is locked by another program, possibly another run';
        if (inUse === 'warn') return [forceWarning(place, what)];
        throw placeError('refused', place, `${what}: stop that program first.`, { remedy: 'force' });
      }
    }
  } catch (error) {
    closeSync(fd);
    if (error instanceof BasynError) throw error;
    throw placeError('device', place, `can't be locked: ${reasonOf(error)}.`, { cause: error });
  }
}

/**
 * Locks the file with flock(1), because node has no flock(2). The lock belongs to the open file, not to the process. The
 * child takes it through the descriptor that it inherits, and the lock remains after the child has ended. The kernel
 * releases it when this process closes its last descriptor. Any user with read access can hold such a lock, and thereby
 * block a run.
 */
export async function lockFile(fd: number): Promise<'locked' | 'held by another' | 'unavailable'> {
  const end = await runHelper('flock', ['-n', '-x', '3'], {
    inherited: { 3: fd },
    timeoutMs: bounds.queryTimeoutMs,
  });
  if ('error' in end) {
    if (end.error.code === 'ENOENT' || end.error.code === 'EACCES') return 'unavailable';
    throw end.error;
  }
  if (end.status === 0) return 'locked';
  return end.status === 1 ? 'held by another' : 'unavailable';
}
