import { createHash } from 'node:crypto';
import { fstatSync, type BigIntStats } from 'node:fs';
import { basename, join } from 'node:path';
import { bounds, tuning } from '../limits.ts';
import { deviceNumber, statKernelPath, type BlockDevice, type DeviceNumber } from './block-device.ts';
import { mountOf } from './file-system.ts';
import type { ContentMarks } from './content-marks.ts';
import { examineOpen, type DeviceHandle } from './handle.ts';
import { runHelper } from './helper-program.ts';
import { KernelView } from './kernel-view.ts';
import { backingOf } from './loop-backing.ts';
import { thisMachine } from './machine.ts';
import type { KernelPath } from './kernel-path.ts';
import { systemPathOf } from './reach.ts';
import { realKernelPath } from './regions.ts';
import { placeInSys, readLine } from './sys-place.ts';

/**
 * The marks of an open device at this moment. For a block device, flush it first: the kernel counts a write when it leaves
 * the page cache. After a write, wait {@link bounds.marksSettleMs} first: consecutive writes may have the same time.
 *
 * @throws BasynError `device`, if the device can't be examined.
 */
export async function contentMarksOf(handle: DeviceHandle, view = new KernelView()): Promise<ContentMarks> {
  const stats = examineOpen(handle, () => fstatSync(handle.fd, { bigint: true }));
  const { bootId } = thisMachine();
  if (stats.isBlockDevice()) {
    const marks = await blockMarks(deviceNumber(stats.rdev), view);
    return { bootId, ...marks };
  }
  return { bootId, ...examineOpen(handle, () => fileMarks(stats, systemPathOf(handle), view)) };
}

/** Whether a device is storage at all. A dry run reads zeros in place of a file that would be created. */
export function isStorage(handle: DeviceHandle): boolean {
  const stats = examineOpen(handle, () => fstatSync(handle.fd));
  return stats.isFile() || stats.isBlockDevice();
}

type Marks = Omit<ContentMarks, 'bootId'>;

const unknown: Marks = { attachment: '', writes: '' };

/**
 * On these, every change of a file changes its times, and no other host can write to it. A tmpfs is none of them: a process
 * that has mapped a file writes to it without a new time.
 */
const localFileSystems: ReadonlySet<string> = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs']);

function fileMarks(stats: BigIntStats, path: string, view: KernelView): Marks {
  if (!stats.isFile() || !isOnLocalFileSystem(realKernelPath(path), view)) return unknown;
  const { dev, ino, birthtimeNs, size, mtimeNs, ctimeNs } = stats;
  if (isWholeSecond(ctimeNs)) return unknown;
  return bounded({
    attachment: `file ${deviceNumber(dev)} inode ${ino} born ${birthtimeNs}`,
    writes: `size ${size} modified ${mtimeNs} changed ${ctimeNs}`,
  });
}

/** Times of old file systems have no fractions, so that a write in the same second has no new time. */
function isWholeSecond(timeNs: bigint): boolean {
  return timeNs % 1_000_000_000n === 0n;
}

function isOnLocalFileSystem(path: KernelPath, view: KernelView): boolean {
  const mount = mountOf(path, view.mounts);
  return mount !== undefined && localFileSystems.has(mount.type);
}

async function blockMarks(number: DeviceNumber, view: KernelView): Promise<Marks> {
  const device = view.block(number);
  const { directory, disk: diskDirectory } = placeInSys(number, view);
  if (device === undefined || directory === undefined || diskDirectory === undefined) return unknown;
  if (!areWritesCounted(diskDirectory)) return unknown;
  const sequence = readLine(join(diskDirectory, 'diskseq'));
  const counters = writeCounters(directory);
  const mapping = await mappingOf(number, diskDirectory);
  const outside = device.partitionOf === undefined ? [] : writesOutsidePartitions(diskDirectory, view);
  const disk = device.partitionOf === undefined ? device : view.block(device.partitionOf.disk);
  const below = disk?.loop === undefined ? '' : backingMarks(disk, view);
  const place =
    disk?.loop === undefined ? '' : ` at ${disk.loop.offsetBytes} up to ${disk.loop.sizeLimitBytes}`;
  if (sequence === '' || counters === undefined || mapping === undefined) return unknown;
  if (outside === undefined || disk === undefined || below === undefined) return unknown;
  const start = readLine(join(directory, 'start'));
  const outsideText = outside.length === 0 ? '' : `, outside partitions ${outside.join(' ')}`;
  return bounded({
    attachment: `block ${number} sequence ${sequence}${start && ` from sector ${start}`}${mapping && ` as ${mapping}`}${place}`,
    writes: `sectors written and discarded ${counters.join(' ')}${outsideText}${below && `, ${below}`}`,
  });
}

/**
 * Disks whose contents change only by writes that this kernel counts. Behind others (nbd, rbd, drbd, zvols), another host or a
 * rollback may have changed the contents of the same attachment.
 */
const countedDisks = /^(bcache|dasd|dm-|hd|loop|md|mmcblk|nvme|pmem|ram|sd|ubd|vd|xvd|zram)/;

function areWritesCounted(disk: string): boolean {
  // The administrator may have switched the counters off. A disk without a queue of its own has no such switch.
  return countedDisks.test(basename(disk)) && readLine(join(disk, 'queue/iostats')) !== '0';
}

/** Sectors written and discarded. */
type Counters = readonly [writtenSectors: number, discardedSectors: number];

/**
 * Writes to a disk by its own name, which may have changed any of its partitions. The kernel counts what is written to a
 * partition for its disk as well.
 *
 * @returns undefined where the counters cannot be read at one moment, because others change too fast.
 */
function writesOutsidePartitions(disk: string, view: KernelView): Counters | undefined {
  const partitions = view.block(readLine(join(disk, 'dev')))?.partitions;
  const places = partitions?.map((number) => placeInSys(number, view).directory);
  if (places === undefined) return undefined;
  for (let attempt = 0; attempt < tuning.counterReadAttempts; attempt++) {
    const before = writeCounters(disk);
    const ofPartitions = places.map((place) => (place === undefined ? undefined : writeCounters(place)));
    const after = writeCounters(disk);
    if (before === undefined || before.join() !== after?.join()) continue;
    let [written, discarded] = before;
    for (const counters of ofPartitions) {
      if (counters === undefined) return undefined;
      written -= counters[0];
      discarded -= counters[1];
    }
    return [written, discarded];
  }
  return undefined;
}

/**
 * The position of each number is that of Documentation/block/stat.rst. The numbers of requests are left out: a flush counts as a
 * request to write, of no sectors.
 */
function writeCounters(directory: string): Counters | undefined {
  const numbers = readLine(join(directory, 'stat')).split(/\s+/);
  const [written, discarded] = [numbers[6], numbers[13]];
  return discarded === undefined ? undefined : [Number(written), Number(discarded)];
}

/** The table of a device-mapper device. It changes if a volume is rolled back. Undefined where it is not known. */
async function mappingOf(number: DeviceNumber, disk: string): Promise<string | undefined> {
  if (readLine(join(disk, 'dm/uuid')) === '' && !basename(disk).startsWith('dm-')) return '';
  const [major, minor] = number.split(':');
  const end = await runHelper('dmsetup', ['table', '--major', major!, '--minor', minor!], {
    timeoutMs: bounds.helperTimeoutMs,
    mostOutputBytes: bounds.mappingTableBytes,
  });
  if ('error' in end || end.status !== 0) return undefined;
  return `${readLine(join(disk, 'dm/uuid'))} ${createHash('sha256').update(end.output).digest('hex')}`;
}

/** Somebody may write to the file below a loop device. Undefined where the file is not known. */
function backingMarks(device: BlockDevice, view: KernelView): string | undefined {
  const { file } = backingOf(device, view);
  const stats = file?.path === undefined ? undefined : statKernelPath(file.path);
  if (file?.path === undefined || stats?.ino !== file.inode || !stats.isFile()) return undefined;
  if (!isOnLocalFileSystem(file.path, view) || isWholeSecond(stats.ctimeNs)) return undefined;
  return `below: inode ${stats.ino} modified ${stats.mtimeNs} changed ${stats.ctimeNs}`;
}

/** A part of a text may be the same although the whole is not. */
function bounded({ attachment, writes }: Marks): Marks {
  const isShort = Math.max(attachment.length, writes.length) <= bounds.maxIdentityCharacters;
  return isShort ? { attachment, writes } : unknown;
}
