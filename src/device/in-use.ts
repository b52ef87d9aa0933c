import { readFileSync, type BigIntStats } from 'node:fs';
import {
  attachedLoops,
  deviceNumber,
  readBlockDevice,
  statKernelPath,
  type DeviceNumber,
} from './block-device.ts';
import { identityOf, identityOfDevice, occupies, type StorageIdentity } from './identity.ts';
import { parseMountInfo, parseSwaps, type Mount } from './proc-tables.ts';

/** Something that uses a device or file at the moment. */
export interface Use {
  /** Follows the device's name in a sentence: "is mounted on /srv". */
  readonly clause: string;
  /** What to do about it: "unmount it first". */
  readonly remedy: string;
}

/** What uses a block device or a regular file, or a part of it, under any name of it. */
export function usesOf(stats: BigIntStats): Use[] {
  return stats.isBlockDevice() ? usesOfDevice(stats) : usesOfFile(stats);
}

function usesOfDevice(stats: BigIntStats): Use[] {
  const identity = identityOf(stats);
  return [
    ...mountUses(stats, identity),
    ...swapUses(stats, identity),
    ...holderUses(deviceNumber(stats.rdev)),
  ];
}

function usesOfFile(stats: BigIntStats): Use[] {
  const identity = identityOf(stats);
  const loops = attachedLoops();
  return [
    // What is mounted lies on a device, and on a file only by a loop device. The table of mounts may be long.
    ...(loops.length === 0 ? [] : mountUses(stats, identity)),
    ...swapUses(stats, identity),
    ...loopUses(identity, loops),
  ];
}

/** Where file systems on this device or file, or on a part of it, are mounted and may change. */
export function writableMountPoints(stats: BigIntStats): string[] {
  if (stats.isFile() && attachedLoops().length === 0) return [];
  return mountsOn(identityOf(stats))
    .filter(({ writable }) => writable)
    .map(({ mountPoint }) => mountPoint);
}

function mountUses(stats: BigIntStats, identity: StorageIdentity): Use[] {
  return mountsOn(identity).map((mount) => ({
    clause: `${relation(stats, mountedDevice(mount))}is mounted on ${mount.mountPoint}`,
    remedy: 'unmount it first',
  }));
}

function swapUses(stats: BigIntStats, identity: StorageIdentity): Use[] {
  return swapAreas()
    .filter(({ area }) => occupies(identityOf(area), identity))
    .map(({ path, area }) => ({
      clause: swapClause(stats, path, area),
      remedy: `run "swapoff ${path}" first`,
    }));
}

function swapClause(stats: BigIntStats, path: string, area: BigIntStats): string {
  if (area.isBlockDevice()) return `${relation(stats, deviceNumber(area.rdev))}is in use as swap`;
  const isItself = stats.dev === area.dev && stats.ino === area.ino;
  return isItself ? 'is in use as swap' : `overlaps with ${path}, which is in use as swap`;
}

/**
 * The volumes and arrays that a block device is part of. A claim on a partition is one on its disk, and the
 * other way round.
 *
 * @param sysPath another root than /sys, for tests.
 */
export function holderUses(number: DeviceNumber, sysPath?: string): Use[] {
  const device = readBlockDevice(number, sysPath);
  if (device === undefined) return [];
  const disk = device.partitionOf === undefined ? [] : [device.partitionOf.disk];
  return [number, ...disk, ...device.partitions].flatMap((relative) => {
    const { name, holders } = readBlockDevice(relative, sysPath) ?? { name: relative, holders: [] };
    const prefix = relative === number ? '' : `overlaps with ${name}, which `;
    return holders.map((holder) => ({
      clause: `${prefix}is part of ${holder}`,
      remedy: 'take it out of that volume or array first',
    }));
  });
}

/** Loop devices that are attached to the file, mounted or not: whoever attached one may use it at any moment. */
function loopUses(identity: StorageIdentity, loops: readonly DeviceNumber[]): Use[] {
  return loops
    .filter((number) => occupies(identityOfDevice(number), identity))
    .map((number) => `/dev/${readBlockDevice(number)?.name ?? number}`)
    .map((name) => ({
      clause: `is attached to the loop device ${name}`,
      remedy: `detach it first ("losetup -d ${name}")`,
    }));
}

function mountsOn(identity: StorageIdentity): Mount[] {
  if (process.platform !== 'linux') return [];
  const mounts = parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  const numbers = [...new Set(mounts.map(mountedDevice))];
  const occupying = new Set(numbers.filter((number) => occupies(identityOfDevice(number), identity)));
  return mounts.filter((mount) => occupying.has(mountedDevice(mount)));
}

/** btrfs hides its devices behind a number of its own; there the name that was mounted must do. */
export function mountedDevice({ deviceNumber: number, source }: Mount): DeviceNumber {
  if (!number.startsWith('0:') || !source.startsWith('/dev/')) return number;
  const device = statKernelPath(source);
  return device?.isBlockDevice() ? deviceNumber(device.rdev) : number;
}

function swapAreas(): { path: string; area: BigIntStats }[] {
  if (process.platform !== 'linux') return [];
  return parseSwaps(readProcSwaps()).flatMap(({ path }) => {
    const area = statKernelPath(path);
    return area === undefined ? [] : [{ path, area }];
  });
}

function readProcSwaps(): string {
  try {
    return readFileSync('/proc/swaps', 'utf8');
  } catch (error) {
    // A kernel without swap has no such file.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function relation(stats: BigIntStats, number: DeviceNumber): string {
  if (stats.isBlockDevice() && deviceNumber(stats.rdev) === number) return '';
  return `overlaps with ${readBlockDevice(number)?.name ?? number}, which `;
}
