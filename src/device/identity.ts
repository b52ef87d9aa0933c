import { readFileSync, type BigIntStats } from 'node:fs';
import { hostname } from 'node:os';
import { BasynError } from '../errors.ts';
import {
  deviceNumber,
  readBlockDevice,
  statKernelPath,
  type BlockDevice,
  type DeviceNumber,
} from './block-device.ts';

/**
 * What storage a device or file is, whatever its name. JSON, because it is compared with that of the other
 * side, which may be the same machine behind an ssh connection.
 */
export interface StorageIdentity {
  /** The same for two processes exactly if they run under the same kernel since the same boot. */
  readonly machine: string;
  /** The storage itself, and all that it stands on: partition, disk, file below a loop device. */
  readonly regions: readonly StorageRegion[];
}

/** A range of a disk, of a partition, or of a file. */
export interface StorageRegion {
  /** "block MAJOR:MINOR", or "file MAJOR:MINOR inode". */
  readonly store: string;
  readonly startBytes: number;
  readonly endBytes: number;
  /**
   * `exact`: the storage is these bytes. `within`: it takes up some of them, we can't tell which: a file in a
   * file system, a logical volume on its disks.
   */
  readonly placement: 'exact' | 'within';
}

/** Enough for a volume over a hundred disks, each with a partition; small enough for one message. */
const maxRegions = 256;
const maxTextCharacters = 128;

/**
 * Whether writing to one changes the other, as far as can be known. Two volumes of one group, or two files of
 * one file system, only stand on the same storage, and don't share it.
 */
export function sharesStorage(a: StorageIdentity, b: StorageIdentity): boolean {
  if (a.machine !== b.machine) return false;
  return a.regions.some((ours) => b.regions.some((theirs) => collide(ours, theirs)));
}

/**
 * Whether a user of some storage (a mount, a loop device) takes up bytes of ours. Only our exact bytes count:
 * every file lies within a mounted file system, which is no reason not to write to the file.
 */
export function occupies(user: StorageIdentity, ours: StorageIdentity): boolean {
  const exact = ours.regions.filter(({ placement }) => placement === 'exact');
  return user.regions.some((theirs) => exact.some((own) => overlap(theirs, own)));
}

function collide(a: StorageRegion, b: StorageRegion): boolean {
  return overlap(a, b) && (a.placement === 'exact' || b.placement === 'exact');
}

function overlap(a: StorageRegion, b: StorageRegion): boolean {
  return a.store === b.store && a.startBytes < b.endBytes && b.startBytes < a.endBytes;
}

/** The identity of an opened block device or regular file, from its `fstat`. */
export function identityOf(stats: BigIntStats): StorageIdentity {
  const regions = new Regions();
  if (stats.isBlockDevice()) regions.addWholeDevice(deviceNumber(stats.rdev), 'exact');
  else regions.addFile(stats, 0, Number.MAX_SAFE_INTEGER, 'exact');
  return { machine: machineId(), regions: regions.list() };
}

/** The identity of a file that doesn't exist yet, from the `stat` of the directory that it will be in. */
export function identityOfFileIn(directory: BigIntStats): StorageIdentity {
  const regions = new Regions();
  regions.addWholeDevice(deviceNumber(directory.dev), 'within');
  return { machine: machineId(), regions: regions.list() };
}

/**
 * The identity of a block device that is known by its number only.
 *
 * @param sysPath another root than /sys, for tests.
 */
export function identityOfDevice(number: DeviceNumber, sysPath?: string): StorageIdentity {
  const regions = new Regions(sysPath);
  regions.addWholeDevice(number, 'exact');
  return { machine: machineId(), regions: regions.list() };
}

/**
 * Checks an identity that came from the other side.
 *
 * @throws BasynError `protocol`.
 */
export function parseIdentity(value: unknown): StorageIdentity {
  const { machine, regions } = asRecord(value);
  if (!isShortText(machine) || !Array.isArray(regions) || regions.length > maxRegions) throw malformed();
  return { machine, regions: regions.map(parseRegion) };
}

function parseRegion(value: unknown): StorageRegion {
  const { store, startBytes, endBytes, placement } = asRecord(value);
  if (!isShortText(store) || !isOffset(startBytes) || !isOffset(endBytes)) throw malformed();
  if (placement !== 'exact' && placement !== 'within') throw malformed();
  return { store, startBytes, endBytes, placement };
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw malformed();
  return value as Record<string, unknown>;
}

function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxTextCharacters;
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function malformed(): BasynError {
  return new BasynError('protocol', 'The other side sent a malformed storage identity.');
}

/** Collects regions on the way down from a device to what it stands on. */
class Regions {
  readonly #byKey = new Map<string, StorageRegion>();
  readonly #sysPath: string;

  constructor(sysPath = '/sys') {
    this.#sysPath = sysPath;
  }

  list(): StorageRegion[] {
    return [...this.#byKey.values()];
  }

  addWholeDevice(number: DeviceNumber, placement: StorageRegion['placement']): void {
    const device = readBlockDevice(number, this.#sysPath);
    if (device !== undefined) this.#addDevice(device, 0, device.sizeBytes, placement);
  }

  addFile(
    file: BigIntStats,
    startBytes: number,
    endBytes: number,
    placement: StorageRegion['placement'],
  ): void {
    this.#add({ store: `file ${deviceNumber(file.dev)} ${file.ino}`, startBytes, endBytes, placement });
    this.addWholeDevice(deviceNumber(file.dev), 'within');
  }

  #addDevice(
    device: BlockDevice,
    startBytes: number,
    endBytes: number,
    placement: StorageRegion['placement'],
  ): void {
    if (!this.#add({ store: `block ${device.number}`, startBytes, endBytes, placement })) return;
    const { partitionOf, loop, slaves } = device;
    if (partitionOf !== undefined) {
      const disk = readBlockDevice(partitionOf.disk, this.#sysPath);
      const { startBytes: shiftBytes } = partitionOf;
      if (disk !== undefined)
        this.#addDevice(disk, startBytes + shiftBytes, endBytes + shiftBytes, placement);
    }
    if (loop !== undefined) {
      this.#addLoopFile(
        loop.backingPath,
        startBytes + loop.offsetBytes,
        endBytes + loop.offsetBytes,
        placement,
      );
    }
    for (const slave of slaves) this.addWholeDevice(slave, 'within');
  }

  #addLoopFile(
    path: string,
    startBytes: number,
    endBytes: number,
    placement: StorageRegion['placement'],
  ): void {
    const file = statKernelPath(path);
    if (file === undefined) return;
    if (!file.isBlockDevice()) {
      this.addFile(file, startBytes, endBytes, placement);
      return;
    }
    const device = readBlockDevice(deviceNumber(file.rdev), this.#sysPath);
    if (device !== undefined) this.#addDevice(device, startBytes, endBytes, placement);
  }

  /** False where it is known already. */
  #add(region: StorageRegion): boolean {
    const key = JSON.stringify(region);
    if (this.#byKey.has(key)) return false;
    if (this.#byKey.size === maxRegions) {
      throw new BasynError('device', `a device that stands on more than ${maxRegions} others can't be used.`);
    }
    this.#byKey.set(key, region);
    return true;
  }
}

let machine: string | undefined;

function machineId(): string {
  return (machine ??= readMachineId());
}

function readMachineId(): string {
  // Only Linux has it; elsewhere identities are compared inside one process, or over ssh by the host's name.
  if (process.platform !== 'linux') return `${process.platform} ${hostname()}`.slice(0, maxTextCharacters);
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
