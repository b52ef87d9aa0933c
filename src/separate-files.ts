import { readlinkSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { BasynError } from './errors.ts';

/** A file or device on this machine that a command has been given. */
export interface NamedFile {
  /** What it is to the command, such as "state file". */
  readonly what: string;
  readonly path: string;
  /** Whether devices are in each other's way is decided where they are opened. */
  readonly kind: 'device' | 'file';
  readonly use: 'read' | 'written';
  /** The job that names it, where there are several. */
  readonly job?: string;
}

/**
 * What is written must have no other use: a state file that is also the source, or two reports with one name.
 *
 * @throws {BasynError} `usage`, which names both uses.
 */
export function requireSeparateFiles(files: readonly NamedFile[]): void {
  if (files.every(({ kind }) => kind === 'device')) return;
  const usesByFile = new Map<string, NamedFile[]>();
  for (const file of files) {
    const key = fileKeyAt(file.path);
    const uses = usesByFile.get(key);
    if (uses === undefined) usesByFile.set(key, [file]);
    else uses.push(file);
  }
  for (const uses of usesByFile.values()) refuseSeveralUses(uses);
}

/**
 * A text that is equal for all names of one file or device on this machine, also of a file that does not exist yet. What can't
 * be examined has a key of its own, and is reported where it is opened.
 */
export function fileKeyAt(path: string): string {
  return keyAt(resolve(path), maxLinks);
}

/** As many as the kernel follows. */
const maxLinks = 40;

function keyAt(path: string, linksLeft: number): string {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats?.isBlockDevice()) return `device ${stats.rdev}`;
    if (stats !== undefined) return `file ${stats.dev} ${stats.ino}`;
    const target = linksLeft === 0 ? undefined : targetOfLink(path);
    if (target !== undefined) return keyAt(resolve(dirname(path), target), linksLeft - 1);
    // A new file is a name in a directory, and the directory may have several names.
    const directory = statSync(dirname(path), { bigint: true });
    return `name ${basename(path)} in ${directory.dev} ${directory.ino}`;
  } catch {
    return `path ${path}`;
  }
}

/** Where a link leads that leads to nothing yet. */
function targetOfLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function refuseSeveralUses(uses: readonly NamedFile[]): void {
  for (const written of uses) {
    if (written.use === 'read') continue;
    const other = uses.find((use) => use !== written && (use.kind === 'file' || written.kind === 'file'));
    if (other === undefined) continue;
    const alias = other.path === written.path ? '' : ` under the name ${other.path}`;
    throw new BasynError(
      'usage',
      `The ${written.what} ${written.path}${ownerOf(written)} is also the ${other.what}${ownerOf(other)}${alias}: name another file.`,
    );
  }
}

function ownerOf({ job }: NamedFile): string {
  return job === undefined ? '' : ` of job ${job}`;
}
