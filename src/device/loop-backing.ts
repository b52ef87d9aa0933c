import type { BigIntStats } from 'node:fs';
import { monotonicMs } from '../clock.ts';
import { bounds, tuning } from '../limits.ts';
import { deviceNumber, statKernelPath, type DeviceNumber, type LoopAttachment } from './block-device.ts';
import type { KernelPath } from './kernel-path.ts';
import type { KernelView } from './kernel-view.ts';
import type { FileNumber } from './losetup.ts';

/** The storage of an attached loop device, as far as it can be determined. */
export interface LoopBacking {
  /** Its backing file, if that is a regular file. */
  readonly file?: FileNumber & { readonly path?: KernelPath };
  /** Its backing file, if that is a block device. */
  readonly block?: DeviceNumber;
  /** Why neither is certain. */
  readonly shortcoming?: string;
}

/** What is needed of a loop device. Without /sys, only its number and name are known. */
export interface LoopDevice {
  readonly number: DeviceNumber;
  /** "loop0". */
  readonly name: string;
  readonly sizeBytes: number;
  readonly loop?: LoopAttachment;
}

/**
 * The storage of a loop device. The name of its file proves little: the file may have been removed or renamed, a mount may
 * cover it, and in a container the name is valid on the host only. So the inode number decides, which losetup(8) reports.
 * Without it, the name counts only if the file there has the right size.
 */
export function backingOf(device: LoopDevice, view: KernelView): LoopBacking {
  let backing = lookBelow(device, view);
  // The device may have been detached or attached to another file between reading /sys and running losetup. During a
  // detach, /sys still lists the file while the ioctl already fails.
  const deadlineMs = monotonicMs() + bounds.loopSettleMs;
  while (backing.shortcoming !== undefined && monotonicMs() < deadlineMs) {
    pause(tuning.loopPollMs);
    if (!view.isAttachedNow(device.number)) return {};
    if (!view.askLosetupAgain()) return backing;
    // Undefined if an attribute disappeared between two reads. The device is changing, so read it again.
    const again = view.block(device.number);
    if (again !== undefined) backing = lookBelow(again, view);
  }
  return backing;
}

/** Blocks the thread. Guards are synchronous: the run does nothing else until they have decided. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function lookBelow({ name, sizeBytes, loop }: LoopDevice, view: KernelView): LoopBacking {
  const path = loop?.backingPath;
  const stats = path === undefined || loop?.isDeleted ? undefined : statKernelPath(path);
  const known = view.losetup.files.get(name);
  if (known === undefined) {
    const isCertain = stats !== undefined && (stats.isBlockDevice() || fits(stats, sizeBytes, loop!));
    if (isCertain) return backingAt(stats, path!);
    return { shortcoming: view.losetup.shortcoming };
  }
  const isNamed =
    stats?.ino === known.inode && deviceNumber(stats.dev) === known.deviceNumber ? stats : undefined;
  if (isNamed !== undefined) return backingAt(isNamed, path!);
  const file = { ...known };
  // The number may belong to a device node elsewhere. Considering both refuses too much rather than too little.
  if (stats?.isBlockDevice()) return { file, block: deviceNumber(stats.rdev) };
  const isNode = path?.startsWith('/dev/') === true && !path.startsWith('/dev/shm/');
  return isNode ? { file, shortcoming: 'its name does not exist here' } : { file };
}

function backingAt(stats: BigIntStats, path: KernelPath): LoopBacking {
  if (stats.isBlockDevice()) return { block: deviceNumber(stats.rdev) };
  return { file: { deviceNumber: deviceNumber(stats.dev), inode: stats.ino, path } };
}

/** The kernel counts whole sectors. */
function fits(
  stats: BigIntStats,
  sizeBytes: number,
  { offsetBytes, sizeLimitBytes }: LoopAttachment,
): boolean {
  const availableBytes = Number(stats.size) - offsetBytes;
  const expectedBytes = sizeLimitBytes === 0 ? availableBytes : Math.min(availableBytes, sizeLimitBytes);
  return stats.isFile() && Math.floor(expectedBytes / 512) * 512 === sizeBytes;
}
