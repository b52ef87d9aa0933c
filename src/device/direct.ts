import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { alignedMemory, maxAlignmentBytes } from './aligned-memory.ts';
import { deviceNumber, readBlockDevice, type DeviceNumber } from './block-device.ts';
import { examineOpen, openHandle, type DeviceHandle, type OpenHandle } from './handle.ts';
import { parseMountInfo } from './proc-tables.ts';

/** No file system asks for more on today's page sizes; a device with larger logical blocks says so. */
const leastAlignmentBytes = 4096;

/** File systems whose page cache is the storage: there is no disk below it. */
const memoryFileSystems: ReadonlySet<string> = new Set(['tmpfs', 'ramfs']);

/** How reads of a device come as close to the disk as its storage allows. */
export interface DiskView extends OpenHandle {
  /** Why these reads may return what a page cache holds instead of what the disk holds. Undefined where they do not. */
  readonly cachedBecause: string | undefined;
}

/**
 * Opens the same device a second time, read-only and past the page cache, so that reads see what is on the
 * disk. It goes through /proc, so that it is the same inode even if the path now leads elsewhere. Where that is
 * impossible, the view reads through the page cache, and says why.
 *
 * @throws BasynError `device`, where it fails for another reason than missing support.
 */
export function openDiskView(handle: DeviceHandle): DiskView {
  return examineOpen(handle, () => openView(handle));
}

function openView(handle: DeviceHandle): DiskView {
  const stats = fstatSync(handle.fd, { bigint: true });
  // What stands for a target that a dry run would create.
  if (!stats.isBlockDevice() && !stats.isFile()) return cachedView(handle, undefined);
  if (isInMemory(handle)) return cachedView(handle, undefined);
  const storageNumber = deviceNumber(stats.isBlockDevice() ? stats.rdev : stats.dev);
  const direct = openDirect(handle, storageNumber);
  if (typeof direct === 'string') return cachedView(handle, direct);
  return { ...openHandle(direct), cachedBecause: cacheBelow(storageNumber) };
}

/** The device's own descriptor stays open: it is not this view's. */
function cachedView(handle: DeviceHandle, cachedBecause: string | undefined): DiskView {
  return { handle, cachedBecause, close: () => Promise.resolve() };
}

/** Whether the page cache is all the storage that a device has. */
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
    // Without /proc, nothing can be opened for direct reading either, and that is reported.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** @returns the reason where the storage or this process can't do it. */
function openDirect(handle: DeviceHandle, storageNumber: DeviceNumber): DeviceHandle | string {
  if (process.platform !== 'linux') return `direct reads are used on Linux only`;
  const logicalBlockBytes = readBlockDevice(storageNumber)?.logicalBlockBytes ?? 0;
  const alignmentBytes = Math.max(leastAlignmentBytes, logicalBlockBytes);
  if (alignmentBytes > maxAlignmentBytes) return `its blocks of ${alignmentBytes} bytes are too large`;
  const memory = alignedMemory(alignmentBytes);
  if (memory === undefined)
    return 'this node can not allocate aligned memory (WebAssembly is off or limited)';
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

/** Some file systems take the flag at open, and refuse the first read. Other errors belong to the real reads. */
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

/** A loop device without direct I/O reads its file through the page cache, however the device itself is read. */
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
