import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { bounds } from '../limits.ts';
import { alignedMemory } from './aligned-memory.ts';
import { deviceNumber, readBlockDevice, type DeviceNumber } from './block-device.ts';
import { examineOpen, openHandle, type DeviceHandle, type OpenHandle } from './handle.ts';
import { parseMountInfo } from './proc-tables.ts';

/** File systems whose storage is the page cache. They have no disk. */
const memoryFileSystems: ReadonlySet<string> = new Set(['tmpfs', 'ramfs']);

/** Reads from the disk itself, as far as the storage supports that. */
export interface DiskView extends OpenHandle {
  /** Why these reads may return the content of a page cache instead of that of the disk. Undefined if they do not. */
  readonly cachedBecause: string | undefined;
}

/**
 * Opens the same device a second time, read-only and without the page cache, so that reads return the content of the
 * disk. Opens it by its link in /proc, which leads to the same inode even if the path was replaced. If the storage does
 * not support direct reads, the view reads through the page cache and says why.
 *
 * @throws BasynError `device`, for any failure except missing support.
 */
export function openDiskView(handle: DeviceHandle): DiskView {
  return examineOpen(handle, () => openView(handle));
}

function openView(handle: DeviceHandle): DiskView {
  const stats = fstatSync(handle.fd, { bigint: true });
  // /dev/zero, which represents a target that a dry run would create.
  if (!stats.isBlockDevice() && !stats.isFile()) return cachedView(handle, undefined);
  if (isInMemory(handle)) return cachedView(handle, undefined);
  const storageNumber = deviceNumber(stats.isBlockDevice() ? stats.rdev : stats.dev);
  const direct = openDirect(handle, storageNumber);
  if (typeof direct === 'string') return cachedView(handle, direct);
  return { ...openHandle(direct), cachedBecause: cacheBelow(storageNumber) };
}

/** Closing the view does not close the descriptor, which belongs to the device. */
function cachedView(handle: DeviceHandle, cachedBecause: string | undefined): DiskView {
  return { handle, cachedBecause, close: () => Promise.resolve() };
}

/** Whether a file exists in memory only. */
export function isInMemory({ fd }: DeviceHandle): boolean {
  const stats = fstatSync(fd, { bigint: true });
  if (!stats.isFile()) return false;
  const number = deviceNumber(stats.dev);
  return parseMountInfo(readMountInfo()).some(
    ({ deviceNumber: mounted, type }) => mounted === number && memoryFileSystems.has(type),
  );
}

function readMountInfo(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'latin1');
  } catch (error) {
    // Direct reads need /proc, too. Its absence is reported there.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** @returns the reason if the storage or this process does not support direct reads. */
function openDirect(handle: DeviceHandle, storageNumber: DeviceNumber): DeviceHandle | string {
  if (process.platform !== 'linux') return 'direct reads are used on Linux only';
  const logicalBlockBytes = readBlockDevice(storageNumber)?.logicalBlockBytes ?? 0;
  const alignmentBytes = Math.max(bounds.leastAlignmentBytes, logicalBlockBytes);
  if (alignmentBytes > bounds.maxAlignmentBytes) return `its blocks of ${alignmentBytes} bytes are too large`;
  const memory = alignedMemory(alignmentBytes);
  if (memory === undefined) return 'this node cannot allocate aligned memory (WebAssembly is off or limited)';
  if (!existsSync('/proc/self/fd')) return '/proc is not mounted';
  const fd = openDirectly(handle);
  if (fd === undefined) return 'its file system does not support direct reads';
  const direct: DeviceHandle = { ...handle, fd, access: 'direct', alignmentBytes };
  if (canRead(direct, memory)) return direct;
  closeSync(fd);
  return 'its file system does not support direct reads';
}

function openDirectly(handle: DeviceHandle): number | undefined {
  try {
    return openSync(`/proc/self/fd/${handle.fd}`, constants.O_RDONLY | constants.O_DIRECT);
  } catch (error) {
    if (isUnsupported(error)) return undefined;
    throw error;
  }
}

/** Some file systems accept the flag in open(2) and reject the first read. Real reads report all other errors. */
function canRead({ fd }: DeviceHandle, memory: Uint8Array): boolean {
  try {
    readSync(fd, memory, 0, memory.byteLength, 0);
  } catch (error) {
    return !isUnsupported(error);
  }
  return true;
}

function isUnsupported(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EINVAL' || code === 'ENOTSUP' || code === 'EOPNOTSUPP';
}

/** A loop device without direct I/O reads its file through the page cache, even if the device is read directly. */
function cacheBelow(number: DeviceNumber): string | undefined {
  const device = readBlockDevice(number);
  if (device === undefined) return undefined;
  const { name, loop, partitionOf, slaves } = device;
  if (loop !== undefined && !loop.isDirect) {
    return `the loop device ${name} reads its file through the page cache (losetup --direct-io=on changes that)`;
  }
  for (const below of [...(partitionOf === undefined ? [] : [partitionOf.disk]), ...slaves]) {
    const reason = cacheBelow(below);
    if (reason !== undefined) return reason;
  }
  return undefined;
}
