import { kernelPathOf, type KernelPath } from './kernel-path.ts';

/** One mount of a file system, from /proc/self/mountinfo. */
export interface Mount {
  /** The ID of the mount. */
  readonly id: string;
  /** The ID of the mount that contains the mount point. */
  readonly parentId: string;
  /** "MAJOR:MINOR" of the file system. "0:N" if it is not on one block device (btrfs, overlay, tmpfs). */
  readonly deviceNumber: string;
  /** The directory or file of the file system that is mounted: "/" for the whole file system. */
  readonly root: KernelPath;
  readonly mountPoint: KernelPath;
  readonly type: string;
  /** The mounted device or other source, by the name that was used to mount it. */
  readonly source: KernelPath;
  /** Whether the file system itself is writable. It then changes on the disk even if this mount is read-only. */
  readonly writable: boolean;
  /** The options of the file system, in the notation of the kernel. */
  readonly superOptions: string;
}

/** One active swap area, from /proc/swaps. */
export interface Swap {
  readonly path: KernelPath;
}

/** A lock on a file, from /proc/locks. */
export interface FileLock {
  /** `OFDLCK`: the lock belongs to an open file, and the kernel does not report its process. */
  readonly kind: string;
  /** "MAJOR:MINOR" of the file system, as in mountinfo. Not always the number that `stat` reports. */
  readonly deviceNumber: string;
  readonly inode: bigint;
  readonly firstByte: number;
  /** Infinity if the lock has no end. */
  readonly lastByte: number;
}

/**
 * Parses /proc/self/mountinfo, see proc_pid_mountinfo(5).
 *
 * @param latin1 one character for each byte.
 */
export function parseMountInfo(latin1: string): Mount[] {
  return linesOf(latin1).map((line) => {
    const fields = line.split(' ');
    // A single hyphen ends a variable number of optional fields.
    const rest = fields.slice(fields.indexOf('-') + 1);
    const superOptions = rest[2] ?? '';
    return {
      id: fields[0] ?? '',
      parentId: fields[1] ?? '',
      deviceNumber: fields[2] ?? '',
      root: unescapePath(fields[3] ?? ''),
      mountPoint: unescapePath(fields[4] ?? ''),
      type: rest[0] ?? '',
      source: unescapePath(rest[1] ?? ''),
      writable: superOptions.split(',').includes('rw'),
      superOptions,
    };
  });
}

/** Parses /proc/swaps: a heading, and one line for each area. */
export function parseSwaps(latin1: string): Swap[] {
  return linesOf(latin1)
    .slice(1)
    .map((line) => ({ path: unescapePath(line.split(/\s/, 1)[0] ?? '') }));
}

/** Parses /proc/locks, see proc_locks(5). Omits requests that wait for a lock. */
export function parseLocks(text: string): FileLock[] {
  return linesOf(text).flatMap((line) => {
    const [, kind, , , , file, first, last] = line.split(/\s+/);
    const [major, minor, inode] = (file ?? '').split(':');
    if (kind === undefined || kind === '->' || inode === undefined) return [];
    return {
      kind,
      deviceNumber: `${parseInt(major!, 16)}:${parseInt(minor!, 16)}`,
      inode: BigInt(inode),
      firstByte: Number(first),
      lastByte: last === 'EOF' ? Infinity : Number(last),
    };
  });
}

/** The directories that a mounted overlay combines: the upper one first, then the lower ones from top to bottom. */
export function overlayLayers({ superOptions }: Pick<Mount, 'superOptions'>): KernelPath[] {
  const upper: KernelPath[] = [];
  const lower: KernelPath[] = [];
  // The kernel writes a comma in a path as "\054".
  for (const option of superOptions.split(',')) {
    const equals = option.indexOf('=');
    const value = unescapePath(option.slice(equals + 1));
    switch (option.slice(0, equals)) {
      case 'upperdir':
        // Some kernels write the path as the user specified it, with backslashes before commas and colons.
        upper.push(...new Set([withoutBackslashes(value), value]));
        break;
      case 'lowerdir':
        lower.push(...splitLayers(value));
        break;
      case 'lowerdir+':
      case 'datadir+':
        lower.push(value);
    }
  }
  return [...upper, ...lower];
}

/** Several paths, separated by colons. A backslash escapes a colon, comma or backslash in a path. */
function splitLayers(paths: KernelPath): KernelPath[] {
  return (paths.match(/(?:\\.|[^:\\])+/gs) ?? []).map(withoutBackslashes);
}

function withoutBackslashes(path: string): KernelPath {
  return kernelPathOf(path.replace(/\\(.)/gs, '$1'));
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

function unescapePath(path: string): KernelPath {
  return kernelPathOf(unescapeOctal(path));
}

/** The kernel writes blanks, backslashes and some other bytes as "\040". */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
