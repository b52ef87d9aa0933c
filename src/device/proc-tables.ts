/** One mount of a file system, from /proc/self/mountinfo. */
export interface Mount {
  /** "MAJOR:MINOR" of the file system; "0:N" where it is not on one block device (btrfs, overlay, tmpfs). */
  readonly deviceNumber: string;
  readonly mountPoint: string;
  readonly type: string;
  /** The device or whatever else was mounted, as it was named then. */
  readonly source: string;
  /** Whether the file system itself is writable: it then changes on the disk even under a read-only mount. */
  readonly writable: boolean;
}

/** One active swap area, from /proc/swaps. */
export interface Swap {
  readonly path: string;
}

/** Parses /proc/self/mountinfo, see proc_pid_mountinfo(5). */
export function parseMountInfo(text: string): Mount[] {
  return linesOf(text).map((line) => {
    const fields = line.split(' ');
    // A varying number of optional fields ends with a lone hyphen.
    const rest = fields.slice(fields.indexOf('-') + 1);
    return {
      deviceNumber: fields[2] ?? '',
      mountPoint: unescapePath(fields[4] ?? ''),
      type: rest[0] ?? '',
      source: unescapePath(rest[1] ?? ''),
      writable: (rest[2] ?? '').split(',').includes('rw'),
    };
  });
}

/** Parses /proc/swaps: a heading, then one line for each area. */
export function parseSwaps(text: string): Swap[] {
  return linesOf(text)
    .slice(1)
    .map((line) => ({ path: unescapePath(line.split(/\s/, 1)[0] ?? '') }));
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** The kernel writes blanks, backslashes and the like, byte by byte, as "\040". */
function unescapePath(path: string): string {
  return path.replace(/(?:\\[0-7]{3})+/g, (escapes) =>
    Buffer.from(
      escapes
        .slice(1)
        .split('\\')
        .map((octal) => parseInt(octal, 8)),
    ).toString(),
  );
}
