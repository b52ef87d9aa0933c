import type { BigIntStats } from 'node:fs';
import { deviceNumber, type DeviceNumber } from './block-device.ts';
import type { KernelPath } from './kernel-path.ts';
import { KernelView } from './kernel-view.ts';
import { compareMachines, thisMachine, type Machine } from './machine.ts';
import { Regions, type StorageGap, type StorageRegion } from './regions.ts';

/**
 * What storage a device or file is, whatever its name. JSON, because it is compared with that of the other
 * side, which may be the same machine behind an ssh connection.
 */
export interface StorageIdentity extends Stack {
  readonly machine: Machine;
}

/** The storage itself, and all that it stands on: partition, disk, file below a loop device. */
export interface Stack {
  readonly regions: readonly StorageRegion[];
  /** What could not be found out about it. */
  readonly gaps: readonly StorageGap[];
  /** Of a regular file: its size and times. An overlay shows those of the file below. */
  readonly fingerprint?: string;
}

/** What is known about whether writing to one storage changes another. */
export type Sharing =
  | { readonly answer: 'same' | 'different' }
  /** They share storage if they are on one machine, and the facts about that contradict each other. */
  | { readonly answer: 'unknown machine' }
  | { readonly answer: 'unknown storage'; readonly gap: StorageGap };

/**
 * Whether writing to one changes the other, as far as can be known. Two volumes of one group, or two files of
 * one file system, only stand on the same storage, and don't share it.
 */
export function sharesStorage(a: StorageIdentity, b: StorageIdentity): Sharing {
  const machines = compareMachines(a.machine, b.machine);
  if (machines === 'different') return { answer: 'different' };
  if (a.regions.some((ours) => b.regions.some((theirs) => collide(ours, theirs)))) {
    return { answer: machines === 'same' ? 'same' : 'unknown machine' };
  }
  const gap = machines === 'same' ? (openGap(a, b) ?? openGap(b, a)) : undefined;
  return gap === undefined ? { answer: 'different' } : { answer: 'unknown storage', gap };
}

/** Something unknown about one that may be the other. */
function openGap({ gaps, regions, fingerprint }: Stack, other: Stack): StorageGap | undefined {
  // Two files of one file system are told apart by their numbers, whatever that stands on.
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

/** The number of the file system that a file is in; the file itself is its first region. */
function fileSystemOf(regions: readonly StorageRegion[]): string | undefined {
  const [kind, number] = regions[0]?.store.split(' ') ?? [];
  return kind === 'file' ? number : undefined;
}

/**
 * Whether a user of some storage (a mount, a loop device) takes up bytes of ours. Only our exact bytes count:
 * every file lies within a mounted file system, which is no reason not to write to the file.
 */
export function occupies(user: Stack, ours: Stack): boolean {
  const exact = ours.regions.filter(({ placement }) => placement === 'exact');
  return user.regions.some((theirs) => exact.some((own) => overlap(theirs, own)));
}

function collide(a: StorageRegion, b: StorageRegion): boolean {
  return overlap(a, b) && (a.placement === 'exact' || b.placement === 'exact');
}

function overlap(a: StorageRegion, b: StorageRegion): boolean {
  return a.store === b.store && a.startBytes < b.endBytes && b.startBytes < a.endBytes;
}

/** A stack together with the machine that it is on. */
export function identityOf(stack: Stack): StorageIdentity {
  return { machine: thisMachine(), ...stack };
}

/**
 * What a block device or regular file stands on.
 *
 * @param path where it was found: absolute, without symbolic links. Without one, less can be told about a file of
 *   btrfs or an overlay.
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
 * What a file that doesn't exist yet will stand on.
 *
 * @param path of the directory that it will be in: absolute, without symbolic links.
 * @param directory its `stat`.
 */
export function stackOfFileIn(path: KernelPath, directory: BigIntStats, view: KernelView): Stack {
  const regions = new Regions(view);
  regions.addFileSystem({ deviceNumber: deviceNumber(directory.dev), path });
  return { regions: regions.list(), gaps: regions.gaps() };
}

/** What a block device stands on that is known by its number only. */
export function stackOfDevice(number: DeviceNumber, view = new KernelView()): Stack {
  const regions = new Regions(view);
  regions.addWholeDevice(number, 'exact');
  return { regions: regions.list(), gaps: regions.gaps() };
}
