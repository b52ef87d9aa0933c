import { spawnSync } from 'node:child_process';
import { fstatSync, readdirSync, statSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { bounds } from '../limits.ts';
import { deviceNumber, statKernelPath, type DeviceNumber } from './block-device.ts';
import { isAnonymous, mountOf, storageOf } from './file-system.ts';
import { examineOpen, type DeviceHandle } from './handle.ts';
import type { KernelPath } from './kernel-path.ts';
import { KernelView } from './kernel-view.ts';
import { backingOf } from './loop-backing.ts';
import { systemPathOf } from './reach.ts';
import { realKernelPath } from './regions.ts';
import { placeInSys, readLine, unlessUnreadable } from './sys-place.ts';

/**
 * Which storage a device is, for the comparison with the same path later, possibly after its host has started again. Plain
 * JSON. An empty text is a fact that is not known.
 */
export interface LastingIdentity {
  /** The boot for which `withinBoot` holds. */
  readonly bootId: string;
  /** Identifies the device until its host starts again: its number alone does not, because the kernel reuses it. */
  readonly withinBoot: string;
  /** Identifies the device as long as it exists: by a WWN, a serial number or a UUID. */
  readonly lasting: string;
}

/**
 * Whether two identities belong to the same storage. Facts that prove it are sufficient: a device that is attached again
 * has another number, and the same serial number.
 */
export function isSameStorage(a: LastingIdentity, b: LastingIdentity): 'same' | 'different' | 'unknown' {
  if (a.lasting !== '' && a.lasting === b.lasting) return 'same';
  const isSameBoot = a.bootId !== '' && a.bootId === b.bootId && a.withinBoot !== '' && b.withinBoot !== '';
  if (isSameBoot) return a.withinBoot === b.withinBoot ? 'same' : 'different';
  return a.lasting !== '' && b.lasting !== '' ? 'different' : 'unknown';
}

/** @throws {BasynError} `device`, if the open device can't be examined. */
export function lastingIdentityOf(handle: DeviceHandle, view = new KernelView()): LastingIdentity {
  return examineOpen(handle, () => {
    const stats = fstatSync(handle.fd, { bigint: true });
    const [withinBoot, lasting] = namesOf(stats, systemPathOf(handle), view);
    return {
      // A process does not outlive the boot of its own host.
      bootId: handle.side === 'local' ? 'of this process' : readLine('/proc/sys/kernel/random/boot_id'),
      withinBoot: bounded(withinBoot),
      lasting: bounded(lasting),
    };
  });
}

function namesOf(
  stats: BigIntStats,
  path: string,
  view: KernelView,
): readonly [withinBoot: string, lasting: string] {
  if (stats.isBlockDevice()) {
    const number = deviceNumber(stats.rdev);
    return [untilDetached(number, view), lastingNameOf(number, view)];
  }
  // A dry run reads zeros in place of a file that would be created.
  if (!stats.isFile()) return ['no file', 'no file'];
  const name = fileName(stats);
  if (name === '') return ['', ''];
  const fileSystem = fileSystemName(deviceNumber(stats.dev), realKernelPath(path), view);
  return [`file ${deviceNumber(stats.dev)} ${name}`, fileSystem === '' ? '' : `${fileSystem}, ${name}`];
}

/** A file system may give the number of a removed file to another one, which then has another time of birth. */
function fileName({ ino, birthtimeNs }: BigIntStats): string {
  return birthtimeNs <= 0n ? '' : `inode ${ino} born ${birthtimeNs}`;
}

/** A snapshot of a file system has the UUID of its origin, so the device below it counts where it has a name. */
function fileSystemName(number: DeviceNumber, path: KernelPath | undefined, view: KernelView): string {
  if (!isAnonymous(number)) {
    const uuid = fileSystemUuid(number, view);
    return uuid === '' ? '' : `file system ${uuid} on ${lastingNameOf(number, view) || 'a disk'}`;
  }
  const mount = path === undefined ? undefined : mountOf(path, view.mounts);
  if (mount?.type !== 'btrfs') return '';
  const [first] = storageOf(mount, view).devices;
  const uuid = first === undefined ? '' : fileSystemUuid(first, view);
  return uuid === '' ? '' : `file system ${uuid}`;
}

/** The number of a block device, with the number that the kernel counts up each time a disk is attached. */
function untilDetached(number: DeviceNumber, view: KernelView): string {
  const { disk } = placeInSys(number, view);
  const sequence = disk === undefined ? '' : readLine(join(disk, 'diskseq'));
  return sequence === '' ? '' : `block ${number} sequence ${sequence}`;
}

/** Attributes of a disk, in order of preference. An array, a volume or a mapping has a UUID, and a disk none of these. */
const nameAttributes = ['dm/uuid', 'md/uuid', 'wwid', 'device/wwid', 'serial', 'device/serial', 'device/cid'];

function lastingNameOf(number: DeviceNumber, view: KernelView): string {
  const { directory, disk } = placeInSys(number, view);
  if (directory === undefined || disk === undefined) return '';
  if (directory !== disk) return partitionName(number, directory, disk, view);
  const device = view.block(number);
  if (device?.loop !== undefined) return loopName(device, view);
  for (const attribute of nameAttributes) {
    const text = readLine(join(disk, attribute));
    if (text !== '') return `${attribute} ${text}`;
  }
  const array = linkTo(number, '/dev/disk/by-id', /^(md-uuid|wwn)-/);
  return array === '' ? '' : `by-id ${array}`;
}

/** The same bytes of the same disk; or where the disk has no name, the UUID in its table of partitions. */
function partitionName(number: DeviceNumber, directory: string, disk: string, view: KernelView): string {
  const start = `from sector ${readLine(join(directory, 'start'))}`;
  const diskName = lastingNameOf(readLine(join(disk, 'dev')), view);
  if (diskName !== '') return `${diskName} ${start}`;
  const partition = linkTo(number, '/dev/disk/by-partuuid');
  return partition === '' ? '' : `partition ${partition} ${start}`;
}

function loopName(device: NonNullable<ReturnType<KernelView['block']>>, view: KernelView): string {
  const { file, block } = backingOf(device, view);
  const start = `from byte ${device.loop?.offsetBytes ?? 0}`;
  if (block !== undefined) {
    const name = lastingNameOf(block, view);
    return name === '' ? '' : `loop over ${name} ${start}`;
  }
  const stats = file?.path === undefined ? undefined : statKernelPath(file.path);
  if (file === undefined || stats?.ino !== file.inode || fileName(stats) === '') return '';
  const fileSystem = fileSystemName(deviceNumber(stats.dev), file.path, view);
  return fileSystem === '' ? '' : `loop over ${fileSystem}, ${fileName(stats)} ${start}`;
}

/** From udev, or from the superblock where udev does not run. */
function fileSystemUuid(number: DeviceNumber, view: KernelView): string {
  const known = linkTo(number, '/dev/disk/by-uuid');
  const name = known === '' ? view.block(number)?.name : undefined;
  return name === undefined ? known : askBlkid(`/dev/${name}`, number);
}

function askBlkid(node: string, number: DeviceNumber): string {
  if (numberAt(node) !== number) return '';
  const { status, stdout } = spawnSync('blkid', ['-p', '-s', 'UUID', '-o', 'value', '--', node], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
    timeout: bounds.queryTimeoutMs,
  });
  return status === 0 ? stdout.trim() : '';
}

/** The name of a link that udev has made to a block device. */
function linkTo(number: DeviceNumber, directory: string, pattern = /./): string {
  const names = unlessUnreadable(() => readdirSync(directory)) ?? [];
  return (
    names
      .filter((name) => pattern.test(name))
      .sort()
      .find((name) => numberAt(join(directory, name)) === number) ?? ''
  );
}

function numberAt(path: string): DeviceNumber | undefined {
  const stats = unlessUnreadable(() => statSync(path, { bigint: true }));
  return stats?.isBlockDevice() ? deviceNumber(stats.rdev) : undefined;
}

/** A part of a text may not be unique. */
function bounded(text: string): string {
  return text.length <= bounds.maxIdentityCharacters ? text : '';
}
