import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import picomatch from 'picomatch';
import { BasynError, systemReason } from '../errors.ts';
import { fileKeyAt } from '../separate-files.ts';

/** A device that a pattern has found. */
export interface Found {
  /** Replaces `{name}` in the options of the job. */
  readonly name: string;
  readonly path: string;
}

/** Whether a path is a pattern such as `/dev/vg0/*`. */
export function isPattern(path: string): boolean {
  return picomatch.scan(path).isGlob;
}

/**
 * The block devices and files that a pattern in the last part of a path finds, in the order of their names, without those that
 * `exclude` names and the snapshots that runs make.
 *
 * @throws {BasynError} `usage`, where the directory can't be read, or an earlier part of the path is a pattern as well.
 */
export function expandPattern(pattern: string, exclude: readonly string[]): Found[] {
  const directory = dirname(pattern);
  if (isPattern(directory)) {
    throw new BasynError('usage', `Only the last part of ${pattern} may be a pattern.`);
  }
  return namesIn(directory)
    .filter(nameFilter(pattern, exclude))
    .sort()
    .map((name) => ({ name, path: join(directory, name) }))
    .filter(({ path }) => isDevice(path));
}

/** Whether the pattern would find this path if there were a file. */
export function wouldFind(pattern: string, exclude: readonly string[], path: string): boolean {
  const isThere = fileKeyAt(dirname(path)) === fileKeyAt(dirname(pattern));
  return isThere && nameFilter(pattern, exclude)(basename(path));
}

function nameFilter(pattern: string, exclude: readonly string[]): (name: string) => boolean {
  const isMatch = picomatch(basename(pattern), { dot: false });
  const isExcluded = exclude.length === 0 ? () => false : picomatch([...exclude]);
  return (name) => isMatch(name) && !isExcluded(name) && !ownSnapshot.test(name);
}

/** A name that leads nowhere counts: its run reports it. */
function isDevice(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined || stats.isBlockDevice() || stats.isFile();
}

/** As `lvm/snapshot.ts` names them. */
const ownSnapshot = /-basyn-[0-9a-f]{8}$/;

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    const reason = systemReason(error as NodeJS.ErrnoException);
    throw new BasynError('usage', `Directory ${directory} can't be read: ${reason}.`, {}, { cause: error });
  }
}
