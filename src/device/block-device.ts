import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync, type BigIntStats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { bytesOfPath, kernelPathOf, type KernelPath } from './kernel-path.ts';

/** The unit of sizes in /sys. It does not depend on the sector size of the device. */
const sectorBytes = 512;

/** The kernel's number of a block device, "MAJOR:MINOR", as /sys and /proc write it. */
export type DeviceNumber = string;

/** What /sys reports about a block device. */
export interface BlockDevice {
  readonly number: DeviceNumber;
  /** The kernel's name: "sda1", "dm-0". */
  readonly name: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly logicalBlockBytes: number;
  /** For a partition: its disk, and its start on it. */
  readonly partitionOf?: { readonly disk: DeviceNumber; readonly startBytes: number };
  /** For a disk: its partitions. */
  readonly partitions: readonly DeviceNumber[];
  /** For device-mapper, MD and similar devices: the devices below. */
  readonly slaves: readonly DeviceNumber[];
  /** The devices above that claim this one: "dm-0 (vg-root)". */
  readonly holders: readonly string[];
  /** For an attached loop device. */
  readonly loop?: LoopAttachment;
}

/** What /sys reports about the file below a loop device. */
export interface LoopAttachment {
  /** The name of the file as the kernel knows it. The file may have been renamed, or a mount may hide it. */
  readonly backingPath: KernelPath;
  /** Whether the name was removed after the file was attached. */
  readonly isDeleted: boolean;
  /** Start of the device in the file. */
  readonly offsetBytes: number;
  /** 0: the device ends at the end of the file. */
  readonly sizeLimitBytes: number;
  /** Whether the device reads and writes its file without the page cache. */
  readonly isDirect: boolean;
}

/** A `dev` or `rdev` of `stat` in the notation of the kernel. The bits are those of `makedev` in glibc and musl. */
export function deviceNumber(dev: bigint): DeviceNumber {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/**
 * Everything that /sys reports about one block device.
 *
 * @param sysPath replaces /sys in tests.
 * @returns undefined if no device has this number, or if the device disappears during the call.
 */
export function readBlockDevice(number: DeviceNumber, sysPath = '/sys'): BlockDevice | undefined {
  // Numbers of file systems that are not on one block device. A host has dozens of them.
  if (number.startsWith('0:')) return undefined;
  return unlessGone(() => {
    const directory = realpathSync.native(join(sysPath, 'dev/block', number));
    const entries = readdirSync(directory);
    const isPartition = entries.includes('partition');
    const disk = isPartition ? dirname(directory) : directory;
    const loop = entries.includes('loop') ? readLoop(join(directory, 'loop')) : undefined;
    return {
      number,
      name: displayName(basename(directory)),
      sizeBytes: readNumber(join(directory, 'size')) * sectorBytes,
      readOnly: readNumber(join(directory, 'ro')) !== 0,
      logicalBlockBytes: readNumber(join(disk, 'queue/logical_block_size')),
      ...(isPartition && {
        partitionOf: {
          disk: readLine(join(disk, 'dev')),
          startBytes: readNumber(join(directory, 'start')) * sectorBytes,
        },
      }),
      partitions: isPartition ? [] : readPartitions(directory),
      slaves: readLinks(join(directory, 'slaves')).map((slave) => readLine(join(slave, 'dev'))),
      holders: readLinks(join(directory, 'holders')).map(holderName),
      ...(loop && { loop }),
    };
  });
}

/**
 * `stat` of a path that the kernel reports: the file below a loop device, or an entry of the mount table.
 *
 * @returns undefined if the path cannot be reached: the file was deleted, is visible only in another mount namespace, or
 *   is in a directory without access for this process.
 */
export function statKernelPath(path: KernelPath): BigIntStats | undefined {
  try {
    return statSync(bytesOfPath(path), { bigint: true });
  } catch {
    // A file that cannot be reached cannot be compared.
    return undefined;
  }
}

/**
 * The numbers of all loop devices that have a file attached.
 *
 * @returns undefined without /sys/block: on other systems than Linux, and in a chroot without /sys.
 */
export function attachedLoops(sysPath = '/sys'): DeviceNumber[] | undefined {
  const blockPath = join(sysPath, 'block');
  return unlessGone(() => readdirSync(blockPath))
    ?.filter((name) => name.startsWith('loop'))
    .map((name) => join(blockPath, name))
    .filter((directory) => isThere(join(directory, 'loop')))
    .map((directory) =>
      unlessGone(() => readLoop(join(directory, 'loop')) && readLine(join(directory, 'dev'))),
    )
    .filter((number) => number !== undefined);
}

const deletedMark = ' (deleted)';

function readLoop(directory: string): LoopAttachment | undefined {
  const name = readFileSync(join(directory, 'backing_file'), 'latin1').replace(/\n$/, '');
  // The kernel reports an empty name while it detaches the file.
  if (name === '') return undefined;
  // The name of an existing file may end with this mark.
  const isDeleted = name.endsWith(deletedMark) && statKernelPath(kernelPathOf(name)) === undefined;
  return {
    backingPath: kernelPathOf(isDeleted ? name.slice(0, -deletedMark.length) : name),
    isDeleted,
    offsetBytes: readNumber(join(directory, 'offset')),
    sizeLimitBytes: readNumber(join(directory, 'sizelimit')),
    isDirect: readNumber(join(directory, 'dio')) === 1,
  };
}

function readPartitions(directory: string): DeviceNumber[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(directory, entry.name))
    .filter((path) => isThere(join(path, 'partition')))
    .map((path) => readLine(join(path, 'dev')));
}

/** Checking first costs less than a failed read. */
function isThere(path: string): boolean {
  return unlessGone(() => statSync(path, { throwIfNoEntry: false })) !== undefined;
}

function readLinks(directory: string): string[] {
  const names = unlessGone(() => readdirSync(directory)) ?? [];
  return names.map((name) => join(directory, readlinkSync(join(directory, name))));
}

/** "dm-0 (vg-root)": users know device-mapper devices by their own name. */
function holderName(directory: string): string {
  const name = displayName(basename(directory));
  const mapperName = unlessGone(() => readLine(join(directory, 'dm/name')));
  return mapperName === undefined ? name : `${name} (${mapperName})`;
}

/** The uuid of a visible volume: those of the group and of the volume. Hidden volumes have a suffix. */
const volumeUuid = /^LVM-[A-Za-z0-9]{64}$/;

/**
 * The name of an LVM volume in /dev/mapper.
 *
 * @returns undefined for any other device.
 */
export function logicalVolumeName(number: DeviceNumber, sysPath = '/sys'): string | undefined {
  const directory = join(sysPath, 'dev/block', number, 'dm');
  const isVolume = volumeUuid.test(unlessGone(() => readLine(join(directory, 'uuid'))) ?? '');
  return isVolume ? unlessGone(() => readLine(join(directory, 'name'))) : undefined;
}

/** In /sys, the kernel replaces a slash in the name of a device by "!": "cciss!c0d0". */
function displayName(name: string): string {
  return name.replaceAll('!', '/');
}

function readNumber(path: string): number {
  return Number(readLine(path));
}

function readLine(path: string): string {
  return readFileSync(path, 'utf8').trimEnd();
}

/** Devices may appear and disappear during the call. Returns undefined if one is gone, and throws any other error. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
