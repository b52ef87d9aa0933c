import type { BigIntStats } from 'node:fs';
import { bounds } from '../limits.ts';
import { deviceNumber, type DeviceNumber } from './block-device.ts';
import type { KernelPath } from './kernel-path.ts';
import { KernelView } from './kernel-view.ts';
import { compareMachines, thisMachine, type Machine } from './machine.ts';
import { Regions, type StorageGap, type StorageRegion } from './regions.ts';

/**
 * Which storage a device or file is, independent of its name. Plain JSON, because it is compared with the identity that
 * the peer reports. The peer may run on the same host behind an ssh connection.
 */
export interface StorageIdentity extends Stack {
  readonly machine: Machine;
}

/** The storage itself and everything below it: partition, disk, file of a loop device. */
export interface Stack {
  readonly regions: readonly StorageRegion[];
  /** What could not be determined about it. */
  readonly gaps: readonly StorageGap[];
  /** Size and times of a regular file. An overlay shows those of the file in its layer. */
  readonly fingerprint?: string;
}

/** Whether writing to one storage changes another, as far as it is known. */
export type Sharing =
  | { readonly answer: 'same' | 'different' }
  /** They share storage if they are on one host, but the facts about the hosts contradict each other. */
  | { readonly answer: 'unknown machine' }
  | { readonly answer: 'unknown storage'; readonly gap: StorageGap };

/**
 * Whether writing to one changes the other. Two volumes of one group, or two files of one file system, are on the same
 * disk but do not share storage.
 */
export function sharesStorage(a: StorageIdentity, b: StorageIdentity): Sharing {
  const machines = compareMachines(a.machine, b.machine);
  if (machines === 'different') return { answer: 'different' };
  if (a.regions.some((one) => b.regions.some((other) => collide(one, other)))) {
    return { answer: machines === 'same' ? 'same' : 'unknown machine' };
  }
  const gap = machines === 'same' ? (openGap(a, b) ?? openGap(b, a)) : undefined;
  return gap === undefined ? { answer: 'different' } : { answer: 'unknown storage', gap };
}

/** A gap in the knowledge about one that the other may fill. */
function openGap({ gaps, regions, fingerprint }: Stack, other: Stack): StorageGap | undefined {
  // The inode numbers distinguish two files of one file system, independent of its storage.
  const fileSystem = fileSystemOf(regions);
  if (fileSystem !== undefined && fileSystem === fileSystemOf(other.regions)) {
    return gaps.find(({ mayBe }) => mayBe === 'neighbour');
  }
  const isDevice = other.regions[0]?.store.startsWith('block ') ?? false;
  const twin = gaps.find(({ mayBe }) => mayBe === 'twin');
  if (twin !== undefined && isDevice) return { ...twin, mayBe: 'block device' };
  if (twin !== undefined && fingerprint !== undefined && fingerprint === other.fingerprint) return twin;
  return gaps.find(({ mayBe }) => mayBe === 'anything' || (mayBe === 'block device' && isDevice));
}

/** The device number of the file system of a file. The file is the first region of its own stack. */
function fileSystemOf(regions: readonly StorageRegion[]): string | undefined {
  const [kind, number] = regions[0]?.store.split(' ') ?? [];
  return kind === 'file' ? number : undefined;
}

/**
 * Whether a user of storage, such as a mount or a loop device, covers bytes of the device. Only `exact` regions of the
 * device count: every file is within a mounted file system, which is no reason to refuse the file.
 */
export function occupies(user: Stack, device: Stack): boolean {
  const exact = device.regions.filter(({ placement }) => placement === 'exact');
  return user.regions.some((used) => exact.some((own) => overlap(used, own)));
}

/** Whether writing to one region changes the other. */
export function collide(a: StorageRegion, b: StorageRegion): boolean {
  return overlap(a, b) && (a.placement === 'exact' || b.placement === 'exact');
}

function overlap(a: StorageRegion, b: StorageRegion): boolean {
  return a.store === b.store && a.startBytes < b.endBytes && b.startBytes < a.endBytes;
}

/** The storage of both: a device, and another one that must not be written to either. */
export function joinedIdentity(a: StorageIdentity, b: StorageIdentity): StorageIdentity {
  const known = new Set(a.regions.map((region) => JSON.stringify(region)));
  const more = b.regions.filter((region) => !known.has(JSON.stringify(region)));
  const gaps = [...a.gaps, ...b.gaps.filter(({ what }) => a.gaps.every((gap) => gap.what !== what))];
  return {
    ...a,
    regions: [...a.regions, ...more].slice(0, bounds.maxRegions),
    gaps: gaps.slice(0, bounds.maxGaps),
  };
}

/** A stack, with the host that it is on. */
export function identityOf(stack: Stack): StorageIdentity {
  return { machine: thisMachine(), ...stack };
}

/**
 * The storage below a block device or regular file.
 *
 * @param path absolute, without symbolic links. Without it, less can be determined about a file of btrfs or an overlay.
 */
export function stackOf(stats: BigIntStats, path: KernelPath | undefined, view: KernelView): Stack {
  const regions = new Regions(view);
  if (stats.isBlockDevice()) regions.addWholeDevice(deviceNumber(stats.rdev), 'exact');
  else {
    const file = { deviceNumber: deviceNumber(stats.dev), inode: stats.ino, ...(path && { path }) };
    regions.addFile(file, 0, Number.MAX_SAFE_INTEGER, 'exact');
  }
  const { size, mtimeNs, ctimeNs } = stats;
  const fingerprint = stats.isFile() ? { fingerprint: `${size} ${mtimeNs} ${ctimeNs}` } : {};
  return { regions: regions.list(), gaps: regions.gaps(), ...fingerprint };
}

/**
 * The storage below a file that will be created.
 *
 * @param path of the parent directory: absolute, without symbolic links.
 * @param directory `stat` of the parent directory.
 */
export function stackOfFileIn(path: KernelPath, directory: BigIntStats, view: KernelView): Stack {
  const regions = new Regions(view);
  regions.addFileSystem({ deviceNumber: deviceNumber(directory.dev), path });
  return { regions: regions.list(), gaps: regions.gaps() };
}

/** The storage below a block device of which only the number is known. */
export function stackOfDevice(number: DeviceNumber, view = new KernelView()): Stack {
  const regions = new Regions(view);
  regions.addWholeDevice(number, 'exact');
  return { regions: regions.list(), gaps: regions.gaps() };
}
