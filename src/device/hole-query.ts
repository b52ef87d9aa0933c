import { accessSync, constants, fstatSync, readFileSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { BasynError, systemReason } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import { examineOpen, flush, nameOf, type DeviceHandle } from './handle.ts';
import { runHelper } from './helper-program.ts';
import { holesBetween, type HoleMap } from './holes.ts';
import { listDataInPerl, listDataInPython } from './hole-scripts.ts';
import { parseMountInfo } from './proc-tables.ts';
import { endedEarly } from './io-failure.ts';
import { statBlockBytes } from './zeros.ts';

/** The holes of a device, as far as they are known. */
export interface FoundHoles {
  /** Undefined if all of it is read: it has no holes, or they cannot be found. */
  readonly holes: HoleMap | undefined;
  /** A sentence for `--verbose`, if there may be holes that cannot be found. */
  readonly note?: string;
}

const none: FoundHoles = { holes: undefined };

/** Other file systems have reported data as holes that was not written to the disk yet. */
const reliableFileSystems: ReadonlySet<string> = new Set(['ext4', 'xfs', 'btrfs', 'tmpfs']);

/**
 * Finds the holes of a regular file. The map is valid until somebody writes to the file. Flushes the file first: only then
 * do all file systems know which ranges have data.
 *
 * Never fails. Where the answer is not certain, there is no map, and everything is read.
 *
 * @param onFlush is called before the flush, which may take as long as the disk needs.
 */
export async function findHoles(handle: DeviceHandle, onFlush: () => void): Promise<FoundHoles> {
  try {
    const stats = fstatSync(handle.fd);
    if (handle.kind !== 'regular file' || process.platform !== 'linux') return none;
    // /dev/zero, which represents a target that a dry run would create.
    if (!stats.isFile()) return { holes: holesBetween(new Float64Array(0), handle.sizeBytes, holeUnitBytes) };
    if (!hasHoles(stats, handle)) return none;
    const doubt = doubtOf(handle);
    if (doubt !== undefined) return withoutMap(handle, doubt);
    onFlush();
    await flush(handle);
    const listed = await listData(handle);
    if (typeof listed === 'string') return withoutMap(handle, listed);
    return { holes: holesBetween(listed, handle.sizeBytes, holeUnitBytes) };
  } catch (error) {
    const reason = error instanceof BasynError ? error.message : systemReason(error as NodeJS.ErrnoException);
    return withoutMap(handle, reason.replace(/\.$/, ''));
  }
}

const { holeUnitBytes } = tuning;

function withoutMap(handle: DeviceHandle, reason: string): FoundHoles {
  return { holes: undefined, note: `All of ${nameOf(handle)} is read, also its holes: ${reason}.` };
}

/**
 * Whether a file has holes that {@link findHoles} cannot find. Through the page cache, they would be read as slowly as data,
 * and evict what other programs need.
 *
 * @throws BasynError `device`, if the file can't be examined.
 */
export function hasHiddenHoles(handle: DeviceHandle): boolean {
  if (handle.kind !== 'regular file' || process.platform !== 'linux') return false;
  return examineOpen(handle, () => {
    const stats = fstatSync(handle.fd);
    return stats.isFile() && hasHoles(stats, handle) && doubtOf(handle) !== undefined;
  });
}

function hasHoles({ blocks }: Stats, { sizeBytes }: DeviceHandle): boolean {
  return blocks * statBlockBytes <= sizeBytes - tuning.leastHolesBytes;
}

/** Why the holes of a file cannot be found, as a clause, as far as that is known without an attempt. */
function doubtOf({ fd }: DeviceHandle): string | undefined {
  const type = fileSystemTypeOf(fd);
  if (type === undefined || !reliableFileSystems.has(type)) {
    return `the holes of a file on ${type ?? 'an unknown file system'} are not certain`;
  }
  return isInstalled('perl') || isInstalled('python3')
    ? undefined
    : 'neither perl nor python3 can be run (not found)';
}

/** Without PATH, only an attempt shows where a program is searched for. */
function isInstalled(program: string): boolean {
  const { PATH } = process.env;
  return PATH?.split(':').some((directory) => isExecutable(join(directory, program))) ?? true;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Checks at the end of a phase that a file has not become shorter. Its data is read, and a read finds that out. Holes are not.
 *
 * @throws BasynError `device`, with the new end.
 */
export function checkLength(handle: DeviceHandle): void {
  if (handle.holes === undefined) return;
  const stats = examineOpen(handle, () => fstatSync(handle.fd));
  const leastBytes = Math.min(handle.sizeBytes, handle.imaginedFromBytes ?? Infinity);
  if (stats.isFile() && stats.size < leastBytes) throw endedEarly(handle, stats.size);
}

/** The type of the file system of an open file. Undefined if the kernel does not tell. */
function fileSystemTypeOf(fd: number): string | undefined {
  const mountId = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
  const mounts = parseMountInfo(readFileSync('/proc/self/mountinfo', 'latin1'));
  return mounts.find(({ id }) => id === mountId)?.type;
}

/** Where the file has data: start and end of each range. The reason as a clause if it cannot be found out. */
async function listData({ fd, sizeBytes }: DeviceHandle): Promise<Float64Array | string> {
  const args = [sizeBytes, holeUnitBytes, bounds.listedDataRanges].map(String);
  const options = {
    inherited: { 3: fd },
    timeoutMs: bounds.helperTimeoutMs,
    mostOutputBytes: (bounds.listedDataRanges + 2) * pairBytes,
  };
  let end = await runHelper('perl', ['-e', listDataInPerl, '--', ...args], options);
  if ('error' in end)
    end = await runHelper('python3', ['-I', '-S', '-c', listDataInPython, ...args], options);
  if ('error' in end) return `neither perl nor python3 can be run (${systemReason(end.error)})`;
  if (end.status !== 0) return 'the program that lists them failed';
  return parseDataRanges(end.output, sizeBytes) ?? 'the program that lists them gave an impossible answer';
}

const pairBytes = 2 * Float64Array.BYTES_PER_ELEMENT;

/**
 * The ranges that a program of hole-scripts.ts has printed.
 *
 * @returns undefined unless the list is complete, in ascending order, and within the file.
 */
export function parseDataRanges(output: Buffer, sizeBytes: number): Float64Array | undefined {
  if (output.byteLength < pairBytes || output.byteLength % pairBytes !== 0) return undefined;
  const numbers = new Float64Array(new Uint8Array(output).buffer);
  const ranges = numbers.subarray(0, -2);
  if (numbers.at(-2) !== -1 || numbers.at(-1) !== ranges.length / 2) return undefined;
  let lastBytes = -1;
  for (const bound of ranges) {
    if (!Number.isSafeInteger(bound) || bound <= lastBytes || bound > sizeBytes) return undefined;
    lastBytes = bound;
  }
  return ranges;
}
