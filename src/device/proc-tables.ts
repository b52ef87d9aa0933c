import { kernelPathOf, type KernelPath } from './kernel-path.ts';

/** One mount of a file system, from /proc/self/mountinfo. */
export interface Mount {
  /** The kernel's number of the mount, and of the mount that it is on. */
  readonly id: string;
  readonly parentId: string;
  /** "MAJOR:MINOR" of the file system; "0:N" where it is not on one block device (btrfs, overlay, tmpfs). */
  readonly deviceNumber: string;
  /** Which directory or file of the file system is mounted: "/" for the whole. */
  readonly root: KernelPath;
  readonly mountPoint: KernelPath;
  readonly type: string;
  /** The device or whatever else was mounted, as it was named then. */
  readonly source: KernelPath;
  /** Whether the file system itself is writable: it then changes on the disk even under a read-only mount. */
  readonly writable: boolean;
  /** The file system's own options, still as the kernel writes them. */
  readonly superOptions: string;
}

/** One active swap area, from /proc/swaps. */
export interface Swap {
  readonly path: KernelPath;
}

/** A lock on a file, from /proc/locks. */
export interface FileLock {
  /** `OFDLCK`: it belongs to an open file, whose process is not named. */
  readonly kind: string;
  /** "MAJOR:MINOR" of the file system, as mountinfo has it; not always that of `stat`. */
  readonly deviceNumber: string;
  readonly inode: bigint;
  readonly firstByte: number;
  /** Infinity, where it goes on for ever. */
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
    // A varying number of optional fields ends with a lone hyphen.
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

/** Parses /proc/swaps: a heading, then one line for each area. */
export function parseSwaps(latin1: string): Swap[] {
  return linesOf(latin1)
    .slice(1)
    .map((line) => ({ path: unescapePath(line.split(/\s/, 1)[0] ?? '') }));
}

/** Parses /proc/locks, see proc_locks(5). Requests that wait for a lock are left out. */
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

/** The directories that a mounted overlay shows as one: the upper one first, and the lower ones from the top. */
export function overlayLayers({ superOptions }: Pick<Mount, 'superOptions'>): KernelPath[] {
  const upper: KernelPath[] = [];
  const lower: KernelPath[] = [];
  // A comma in a path is written as "\054".
  for (const option of superOptions.split(',')) {
    const equals = option.indexOf('=');
    const value = unescapePath(option.slice(equals + 1));
    switch (option.slice(0, equals)) {
      case 'upperdir':
        // Kernels differ: some write the path as it was given, with backslashes before commas and colons.
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

/** Several paths with colons between them; a backslash stands before a colon, comma or backslash of a path. */
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

/** The kernel writes blanks, backslashes and the like, byte by byte, as "\040". */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
