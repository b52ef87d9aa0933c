import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync, type BigIntStats } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The kernel counts in these units in /sys, whatever the device's own sector size. */
const sectorBytes = 512;

/** The kernel's number of a block device, "MAJOR:MINOR", as /sys and /proc write it. */
export type DeviceNumber = string;

/** What /sys tells about a block device. */
export interface BlockDevice {
  readonly number: DeviceNumber;
  /** The kernel's name: "sda1", "dm-0". */
  readonly name: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly logicalBlockBytes: number;
  /** For a partition: where it lies. */
  readonly partitionOf?: { readonly disk: DeviceNumber; readonly startBytes: number };
  /** For a disk: its partitions. */
  readonly partitions: readonly DeviceNumber[];
  /** For device-mapper, MD and the like: the devices below. */
  readonly slaves: readonly DeviceNumber[];
  /** The devices above that claim this one: "dm-0 (vg-root)". */
  readonly holders: readonly string[];
  /** For an attached loop device: the file below, where in the file the device begins, and whether it uses direct I/O. */
  readonly loop?: { readonly backingPath: string; readonly offsetBytes: number; readonly isDirect: boolean };
}

/** A `dev` or `rdev` of `stat` in the kernel's notation. The bits are those of glibc's and musl's `makedev`. */
export function deviceNumber(dev: bigint): DeviceNumber {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/**
 * Everything /sys tells about one block device; undefined where there is none with this number, also where it
 * vanishes meanwhile.
 *
 * @param sysPath another root than /sys, for tests.
 */
export function readBlockDevice(number: DeviceNumber, sysPath = '/sys'): BlockDevice | undefined {
  // File systems that are not on one block device have a number of this kind, and a machine has dozens of them.
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
 * `stat` of a path that the kernel names (below a loop device, in a table of mounts); undefined where it leads
 * nowhere: deleted, out of our sight in another mount namespace, or in a directory that we may not enter.
 */
export function statKernelPath(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    // What can't be reached by this name can't be compared with anything.
    return undefined;
  }
}

/** The numbers of all loop devices that have a file attached. */
export function attachedLoops(sysPath = '/sys'): DeviceNumber[] {
  const blockPath = join(sysPath, 'block');
  // Without /sys/block (not Linux, or a bare chroot) nothing can be asked about loop devices.
  const names = unlessGone(() => readdirSync(blockPath)) ?? [];
  return names
    .filter((name) => name.startsWith('loop'))
    .map((name) => join(blockPath, name))
    .filter((directory) => isThere(join(directory, 'loop')))
    .map((directory) =>
      unlessGone(() => readLoop(join(directory, 'loop')) && readLine(join(directory, 'dev'))),
    )
    .filter((number) => number !== undefined);
}

function readLoop(directory: string): BlockDevice['loop'] {
  const backingPath = readFileSync(join(directory, 'backing_file'), 'utf8').replace(/\n$/, '');
  // Empty for a moment while the file is being detached.
  if (backingPath === '') return undefined;
  return {
    backingPath,
    offsetBytes: readNumber(join(directory, 'offset')),
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

/** To look first costs less than to fail at what isn't there. */
function isThere(path: string): boolean {
  return unlessGone(() => statSync(path, { throwIfNoEntry: false })) !== undefined;
}

function readLinks(directory: string): string[] {
  const names = unlessGone(() => readdirSync(directory)) ?? [];
  return names.map((name) => join(directory, readlinkSync(join(directory, name))));
}

/** "dm-0 (vg-root)": device-mapper devices are known to people by their own name. */
function holderName(directory: string): string {
  const name = displayName(basename(directory));
  const mapperName = unlessGone(() => readLine(join(directory, 'dm/name')));
  return mapperName === undefined ? name : `${name} (${mapperName})`;
}

/** The kernel writes a slash in a device's name as "!" in /sys: "cciss!c0d0". */
function displayName(name: string): string {
  return name.replaceAll('!', '/');
}

function readNumber(path: string): number {
  return Number(readLine(path));
}

function readLine(path: string): string {
  return readFileSync(path, 'utf8').trimEnd();
}

/** Devices come and go while we look: what is gone is undefined, any other failure is thrown. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
