import { readdirSync, readFileSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { deviceNumber, statKernelPath, type DeviceNumber } from './block-device.ts';
import { kernelPathOf, type KernelPath } from './kernel-path.ts';
import type { KernelView } from './kernel-view.ts';
import { overlayLayers, type Mount } from './proc-tables.ts';

/** The storage of a mounted file system. */
export interface MountStorage {
  readonly devices: readonly DeviceNumber[];
  /** Files that are mounted directly, which erofs supports since Linux 6.12. */
  readonly files: readonly BigIntStats[];
  /** Set if some of the storage can't be determined: where it may be. */
  readonly hidden?: 'file' | 'block device' | 'elsewhere';
}

const nothing: MountStorage = { devices: [], files: [] };

/** File systems with their data in memory, or without data. */
const inMemory = new Set(
  'tmpfs ramfs devtmpfs hugetlbfs proc sysfs devpts cgroup cgroup2 mqueue debugfs tracefs securityfs pstore bpf autofs binfmt_misc configfs efivarfs fusectl rpc_pipefs nsfs'.split(
    ' ',
  ),
);

/** The storage of a mount. That of an overlay is determined for each file: see {@link layerFileOf}. */
export function storageOf(mount: Mount, view: KernelView): MountStorage {
  if (!isAnonymous(mount.deviceNumber)) return { devices: [mount.deviceNumber], files: [] };
  if (inMemory.has(mount.type) || mount.type === 'overlay') return nothing;
  const named = namedStorage(mount);
  switch (mount.type) {
    case 'btrfs': {
      const devices = btrfsDevices(named.devices, view);
      return { devices, files: [], ...(devices.length === 0 && { hidden: 'block device' }) };
    }
    case 'zfs':
      return { ...nothing, hidden: 'block device' };
    case 'erofs':
      return isEmpty(named) ? { ...nothing, hidden: 'file' } : named;
    default:
      // A network or FUSE file system may store its files anywhere, also in other files on this host.
      return isEmpty(named) ? { ...nothing, hidden: 'elsewhere' } : named;
  }
}

/** Whether a device number belongs to a file system that is not on one block device. */
export function isAnonymous(number: DeviceNumber): boolean {
  return number.startsWith('0:');
}

/** The devices and files that the source of the mount names. bcachefs separates several names by colons. */
function namedStorage({ source }: Mount): MountStorage {
  if (!source.startsWith('/')) return nothing;
  const whole = statKernelPath(source);
  const found =
    whole === undefined
      ? source.split(':').flatMap((part) => statKernelPath(kernelPathOf(part)) ?? [])
      : [whole];
  return {
    devices: found.filter((stats) => stats.isBlockDevice()).map(({ rdev }) => deviceNumber(rdev)),
    files: found.filter((stats) => stats.isFile()),
  };
}

function isEmpty({ devices, files }: MountStorage): boolean {
  return devices.length === 0 && files.length === 0;
}

/** All devices of a btrfs. Its mount names only one of them. */
function btrfsDevices(named: readonly DeviceNumber[], { sysPath }: KernelView): readonly DeviceNumber[] {
  const root = join(sysPath, 'fs/btrfs');
  for (const fileSystem of listed(root)) {
    const directory = join(root, fileSystem, 'devices');
    const numbers = listed(directory).map((name) =>
      readFileSync(join(directory, name, 'dev'), 'latin1').trim(),
    );
    if (numbers.some((number) => named.includes(number))) return numbers;
  }
  return named;
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

/**
 * The mount that contains a path. Resolves the path as the kernel does: from the root, component by component, entering
 * each mount. The longest matching mount point is not enough, because another mount may cover it.
 *
 * @param path absolute, without symbolic links.
 * @returns undefined if the mount is not in the table, as in a chroot.
 */
export function mountOf(path: KernelPath, mounts: readonly Mount[]): Mount | undefined {
  const ids = new Set(mounts.map(({ id }) => id));
  let current = mounts.find(({ mountPoint, parentId }) => mountPoint === '/' && !ids.has(parentId));
  current &&= topOf(current, '/', mounts);
  for (let end = path.indexOf('/', 1); current !== undefined; end = path.indexOf('/', end + 1)) {
    current = topOf(current, end === -1 ? path : path.slice(0, end), mounts);
    if (end === -1) return current;
  }
  return current;
}

/** Several file systems may be mounted on the same mount point. The last one is visible. */
function topOf(mount: Mount, place: string, mounts: readonly Mount[]): Mount {
  let top = mount;
  for (;;) {
    const { id } = top;
    const next = mounts.find(
      (other) => other.parentId === id && other.id !== id && other.mountPoint === place,
    );
    if (next === undefined) return top;
    top = next;
  }
}

/**
 * The file in a layer that an overlay shows: in the upper directory if it exists there, else in the first lower directory
 * that contains it.
 *
 * @returns undefined if the layers are not visible (in a container), or if the overlay renamed the file internally.
 */
export function layerFileOf(
  path: KernelPath,
  mount: Mount,
): { path: KernelPath; stats: BigIntStats } | undefined {
  const withinMount = mount.mountPoint === '/' ? path : path.slice(mount.mountPoint.length);
  const within = mount.root === '/' ? withinMount : `${mount.root}${withinMount}`;
  for (const layer of overlayLayers(mount)) {
    const layerPath = kernelPathOf(`${layer}${within}`);
    const stats = layer.startsWith('/') ? statKernelPath(layerPath) : undefined;
    if (stats?.isFile()) return { path: layerPath, stats };
  }
  return undefined;
}
