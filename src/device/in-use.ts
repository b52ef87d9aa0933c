import { readFileSync, type BigIntStats } from 'node:fs';
import { deviceNumber, statKernelPath, type DeviceNumber } from './block-device.ts';
import { storageOf } from './file-system.ts';
import { occupies, stackOf, stackOfDevice, type Stack } from './identity.ts';
import { baseNameOf, shownPath, type KernelPath } from './kernel-path.ts';
import { KernelView } from './kernel-view.ts';
import { backingOf } from './loop-backing.ts';
import { parseSwaps, type Mount } from './proc-tables.ts';
import { Regions } from './regions.ts';

/** A current use of a device or file. */
export interface Use {
  /** Follows the name of the device in a sentence: "is mounted on /srv". */
  readonly clause: string;
  /** What to do about it: "unmount it first". */
  readonly remedy: string;
}

/** A device or file that is examined. */
export interface Subject {
  readonly stats: BigIntStats;
  /** Absolute, without symbolic links. Undefined if it no longer has a name. */
  readonly path: KernelPath | undefined;
  readonly stack: Stack;
  readonly view: KernelView;
}

/** @param path absolute, without symbolic links. Undefined if the device or file has none. */
export function subjectOf(
  stats: BigIntStats,
  path: KernelPath | undefined,
  view = new KernelView(),
): Subject {
  return { stats, path, view, stack: stackOf(stats, path, view) };
}

/**
 * The current uses of a block device or a regular file, or of a part of it, under any of its names. A use that can't be
 * ruled out counts as one.
 *
 * @throws NodeJS.ErrnoException if the tables of the kernel can't be read.
 */
export function usesOf(subject: Subject): Use[] {
  const { stats, view } = subject;
  return [
    ...mountUses(subject),
    ...swapUses(subject),
    ...(stats.isBlockDevice() ? holderUses(deviceNumber(stats.rdev), view) : []),
    ...loopUses(subject),
  ];
}

/** Mount points of the writable file systems on this device or file, or on a part of it. */
export function writableMountPoints(subject: Subject): string[] {
  return mountsOn(subject)
    .filter(({ mount }) => mount.writable)
    .map(({ mount }) => shownPath(mount.mountPoint));
}

function mountUses(subject: Subject): Use[] {
  const { stats, view } = subject;
  const hidden = view.mounts.filter((mount) => mayBeMountedFile(mount, subject));
  return [
    ...mountsOn(subject).map(({ mount, device }) => ({
      clause: `${device === undefined ? '' : relation(stats, device, view)}is mounted on ${shownPath(mount.mountPoint)}`,
      remedy: 'unmount it first',
    })),
    ...hidden.map(({ source, mountPoint }) => ({
      clause: `may be the file that is mounted on ${shownPath(mountPoint)} (as ${shownPath(source)}), which can't be determined`,
      remedy: 'unmount that file first',
    })),
  ];
}

/** The mounted file has lost its name, and may have other names. */
function mayBeMountedFile(mount: Mount, { stats, view }: Subject): boolean {
  return stats.isFile() && storageOf(mount, view).hidden === 'file';
}

function swapUses({ stats, stack, view }: Subject): Use[] {
  return swapAreas()
    .filter(({ path, area }) => occupies(stackOf(area, path, view), stack))
    .map(({ path, area }) => ({
      clause: swapClause(stats, path, area, view),
      remedy: `run "swapoff ${shownPath(path)}" first`,
    }));
}

function swapClause(stats: BigIntStats, path: KernelPath, area: BigIntStats, view: KernelView): string {
  if (area.isBlockDevice()) return `${relation(stats, deviceNumber(area.rdev), view)}is in use as swap`;
  const isItself = stats.dev === area.dev && stats.ino === area.ino;
  return isItself ? 'is in use as swap' : `overlaps with ${shownPath(path)}, which is in use as swap`;
}

/**
 * The volumes and arrays that contain a block device. A claim on a partition is a claim on its disk, and vice versa.
 */
export function holderUses(number: DeviceNumber, view: KernelView): Use[] {
  const device = view.block(number);
  if (device === undefined) return [];
  const disk = device.partitionOf === undefined ? [] : [device.partitionOf.disk];
  return [number, ...disk, ...device.partitions].flatMap((relative) => {
    const { name, holders } = view.block(relative) ?? { name: relative, holders: [] };
    const prefix = relative === number ? '' : `overlaps with ${name}, which `;
    return holders.map((holder) => ({
      clause: `${prefix}is part of ${holder}`,
      remedy: 'remove it from that volume or array first',
    }));
  });
}

/** Attached loop devices, mounted or not. The program that attached one may use it at any time. */
function loopUses(subject: Subject): Use[] {
  const { stack, view } = subject;
  const own = new Set(stack.regions.map(({ store }) => store));
  return view.loops
    .filter((number) => !own.has(`block ${number}`))
    .flatMap((number) => {
      // Without /sys, the name follows from the number: loop devices without partitions are numbered consecutively.
      const device = view.block(number) ?? { number, name: `loop${number.split(':')[1]!}`, sizeBytes: 0 };
      return loopUse(`/dev/${device.name}`, device, number, subject);
    });
}

function loopUse(
  name: string,
  device: Parameters<typeof backingOf>[0],
  number: DeviceNumber,
  subject: Subject,
): Use[] {
  const { stats, stack, view } = subject;
  const { file, shortcoming } = backingOf(device, view);
  const remedy = `detach it first ("losetup -d ${name}")`;
  const isOnFile = file !== undefined && hasStore(stack, `file ${file.deviceNumber} ${file.inode}`);
  // Another loop device with the same file does not use this loop device.
  const isUser = stats.isFile()
    ? isOnFile || occupies(stackOfDevice(number, view), stack)
    : isOnDevice(number, subject);
  if (isUser) return [{ clause: `is attached to the loop device ${name}`, remedy }];
  if (shortcoming === undefined) return [];
  const path = device.loop?.backingPath;
  const mayBe = stats.isFile()
    ? mayBeNamed(subject, path, device.loop?.isDeleted ?? false)
    : path === undefined || path.startsWith('/dev/');
  if (!mayBe) return [];
  return [
    {
      clause: `may be attached to the loop device ${name}, which can't be determined (${shortcoming})`,
      remedy,
    },
  ];
}

/** Whether the block device is the backing device of a loop device. */
function isOnDevice(number: DeviceNumber, { stack, view }: Subject): boolean {
  const regions = stack.regions.filter(({ store }) => store.startsWith('block '));
  return occupies(stackOfDevice(number, view), { regions, gaps: [] });
}

function hasStore({ regions }: Stack, store: string): boolean {
  return regions.some((region) => region.store === store && region.placement === 'exact');
}

/**
 * Whether the kernel may mean this file by a name that can't be reached here: a name in another mount namespace, or in a
 * directory without access. It does not if this file has a single name, and that name is different.
 */
function mayBeNamed(
  { stats, path, view }: Subject,
  name: KernelPath | undefined,
  isDeleted: boolean,
): boolean {
  if (path === undefined || name === undefined || isDeleted || stats.nlink !== 1n) return true;
  // A file that is mounted directly (docker run --volume file:file) has another name in its own file system.
  const root = view.mounts.findLast(({ mountPoint }) => mountPoint === path)?.root;
  return baseNameOf(root ?? path) === baseNameOf(name);
}

/** A mount and its device. Undefined if a file is mounted directly. */
interface MountOn {
  readonly mount: Mount;
  readonly device: DeviceNumber | undefined;
}

function mountsOn({ stats, stack, view }: Subject): MountOn[] {
  // A file system is on a device, or on a file by means of a loop device. The mount table may be long.
  const mayBeOnDevice = stats.isBlockDevice() || view.loops.length > 0;
  const onDevice = new Map<DeviceNumber, boolean>();
  const occupiesIt = (number: DeviceNumber): boolean => {
    const known = onDevice.get(number) ?? occupies(stackOfDevice(number, view), stack);
    onDevice.set(number, known);
    return known;
  };
  return view.mounts.flatMap((mount): MountOn[] => {
    const { devices, files } = storageOf(mount, view);
    const device = mayBeOnDevice ? devices.find(occupiesIt) : undefined;
    if (device !== undefined) return [{ mount, device }];
    const isMounted = files.some((file) => occupies(stackOfMountedFile(file, view), stack));
    return isMounted ? [{ mount, device: undefined }] : [];
  });
}

function stackOfMountedFile({ dev, ino }: BigIntStats, view: KernelView): Stack {
  const regions = new Regions(view);
  const file = { deviceNumber: deviceNumber(dev), inode: ino };
  regions.addFile(file, 0, Number.MAX_SAFE_INTEGER, 'exact');
  return { regions: regions.list(), gaps: regions.gaps() };
}

function swapAreas(): { path: KernelPath; area: BigIntStats }[] {
  if (process.platform !== 'linux') return [];
  return parseSwaps(readProcSwaps()).flatMap(({ path }) => {
    const area = statKernelPath(path);
    return area === undefined ? [] : [{ path, area }];
  });
}

function readProcSwaps(): string {
  try {
    return readFileSync('/proc/swaps', 'latin1');
  } catch (error) {
    // A kernel without swap does not have this file.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function relation(stats: BigIntStats, number: DeviceNumber, view: KernelView): string {
  if (stats.isBlockDevice() && deviceNumber(stats.rdev) === number) return '';
  return `overlaps with ${view.block(number)?.name ?? number}, which `;
}
