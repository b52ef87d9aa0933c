import { realpathSync } from 'node:fs';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import { deviceNumber, statKernelPath, type BlockDevice, type DeviceNumber } from './block-device.ts';
import { isAnonymous, layerFileOf, mountOf, storageOf } from './file-system.ts';
import { kernelPathOf, type KernelPath } from './kernel-path.ts';
import type { KernelView } from './kernel-view.ts';
import { backingOf } from './loop-backing.ts';
import { overlayLayers, type Mount } from './proc-tables.ts';

/** A range of a disk, of a partition, or of a file. */
export interface StorageRegion {
  /** "block MAJOR:MINOR", or "file MAJOR:MINOR inode". */
  readonly store: string;
  readonly startBytes: number;
  readonly endBytes: number;
  /**
   * `exact`: the storage is these bytes. `within`: the storage covers some of these bytes, but it is unknown which. Examples
   * are a file in a file system and a logical volume on its disks.
   */
  readonly placement: 'exact' | 'within';
}

/** A part of the storage stack that could not be determined. */
export interface StorageGap {
  /**
   * - `anything`: the storage may be any other file or device.
   * - `neighbour`: it may be any file of the same file system.
   * - `twin`: it may be any file of the same size and times, or a part of any block device. An overlay with invisible layers
   *   is an example.
   * - `block device`: it is a part of some block device.
   * - `elsewhere`: it is a part of storage that may be on another host (network and FUSE file systems), or that is not visible
   *   in this container.
   */
  readonly mayBe: 'anything' | 'neighbour' | 'twin' | 'block device' | 'elsewhere';
  /** A clause: "which file /dev/loop0 is attached to". */
  readonly what: string;
}

/** An absolute path without symbolic links, in bytes. */
export function realKernelPath(path: string | Buffer): KernelPath {
  return kernelPathOf(realpathSync.native(path, 'buffer').toString('latin1'));
}

/** Collects the regions of a device or file, and of all storage below it. */
export class Regions {
  readonly #byKey = new Map<string, StorageRegion>();
  readonly #gaps = new Map<string, StorageGap>();
  readonly #view: KernelView;

  constructor(view: KernelView) {
    this.#view = view;
  }

  list(): StorageRegion[] {
    return [...this.#byKey.values()];
  }

  gaps(): StorageGap[] {
    return [...this.#gaps.values()].slice(0, bounds.maxGaps);
  }

  addGap(gap: StorageGap): void {
    this.#gaps.set(gap.what, gap);
  }

  addWholeDevice(number: DeviceNumber, placement: StorageRegion['placement']): void {
    const device = this.#view.block(number);
    if (device !== undefined) this.#addDevice(device, 0, device.sizeBytes, placement);
  }

  /** @param path of the file, if it is known. */
  addFile(
    file: { readonly deviceNumber: DeviceNumber; readonly inode: bigint; readonly path?: KernelPath },
    startBytes: number,
    endBytes: number,
    placement: StorageRegion['placement'],
  ): void {
    const store = `file ${file.deviceNumber} ${file.inode}`;
    if (!this.#add({ store, startBytes, endBytes, placement })) return;
    const mount = isAnonymous(file.deviceNumber) ? this.#mountOf(file) : undefined;
    const layer = mount?.type === 'overlay' && file.path && layerFileOf(file.path, mount);
    if (!layer) {
      this.addFileSystem(file);
      return;
    }
    const { path, stats } = layer;
    const below = { deviceNumber: deviceNumber(stats.dev), inode: stats.ino, path };
    this.addFile(below, startBytes, endBytes, placement);
  }

  /** Adds the storage of a file system. */
  addFileSystem(place: { readonly deviceNumber: DeviceNumber; readonly path?: KernelPath }): void {
    if (!isAnonymous(place.deviceNumber)) {
      this.addWholeDevice(place.deviceNumber, 'within');
      return;
    }
    const mount = this.#mountOf(place);
    const type = mount?.type.slice(0, bounds.fileSystemTypeCharacters) ?? 'unknown';
    const what = `where the ${type} file system ${place.deviceNumber} stores its files`;
    if (mount === undefined) this.addGap({ mayBe: 'elsewhere', what });
    else if (mount.type === 'overlay') this.#addTopLayer(mount, what);
    else this.#addMountStorage(mount, what);
  }

  #addTopLayer(mount: Mount, what: string): void {
    const path = overlayLayers(mount)[0];
    const stats = path?.startsWith('/') ? statKernelPath(path) : undefined;
    if (stats === undefined) this.addGap({ mayBe: 'twin', what });
    else this.addFileSystem({ deviceNumber: deviceNumber(stats.dev), path: path! });
  }

  #addMountStorage(mount: Mount, what: string): void {
    const { devices, files, hidden } = storageOf(mount, this.#view);
    for (const device of devices) this.addWholeDevice(device, 'within');
    for (const { dev, ino } of files) {
      const file = { deviceNumber: deviceNumber(dev), inode: ino };
      this.addFile(file, 0, Number.MAX_SAFE_INTEGER, 'within');
    }
    if (hidden !== undefined) this.addGap({ mayBe: hidden === 'block device' ? hidden : 'elsewhere', what });
  }

  #mountOf(file: { deviceNumber: DeviceNumber; path?: KernelPath }): Mount | undefined {
    const mounts = this.#mountsIfKnown();
    if (file.path !== undefined) {
      const mount = mountOf(file.path, mounts);
      if (mount !== undefined) return mount;
    }
    return mounts.find((mount) => mount.deviceNumber === file.deviceNumber);
  }

  /** Without /proc, the storage of an anonymous file system is a gap. */
  #mountsIfKnown(): readonly Mount[] {
    try {
      return this.#view.mounts;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
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
      const disk = this.#view.block(partitionOf.disk);
      const { startBytes: shiftBytes } = partitionOf;
      if (disk !== undefined)
        this.#addDevice(disk, startBytes + shiftBytes, endBytes + shiftBytes, placement);
    }
    if (loop !== undefined) {
      this.#addLoopFile(device, startBytes + loop.offsetBytes, endBytes + loop.offsetBytes, placement);
    }
    for (const slave of slaves) this.addWholeDevice(slave, 'within');
  }

  #addLoopFile(
    device: BlockDevice,
    startBytes: number,
    endBytes: number,
    placement: StorageRegion['placement'],
  ): void {
    const { file, block, shortcoming } = backingOf(device, this.#view);
    if (file !== undefined) this.addFile(file, startBytes, endBytes, placement);
    const lower = block === undefined ? undefined : this.#view.block(block);
    if (lower !== undefined) this.#addDevice(lower, startBytes, endBytes, placement);
    if (shortcoming === undefined) return;
    this.addGap({
      mayBe: placement === 'exact' ? 'anything' : 'elsewhere',
      what: `which file /dev/${device.name} is attached to: ${shortcoming}`,
    });
  }

  /** Returns false if the region is already known. */
  #add(region: StorageRegion): boolean {
    const key = JSON.stringify(region);
    if (this.#byKey.has(key)) return false;
    if (this.#byKey.size === bounds.maxRegions) {
      throw new BasynError(
        'device',
        `A device that is built on more than ${bounds.maxRegions} other devices is not supported.`,
      );
    }
    this.#byKey.set(key, region);
    return true;
  }
}
