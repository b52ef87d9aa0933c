import type { BigIntStats } from 'node:fs';
import { monotonicMs } from '../clock.ts';
import { deviceNumber, statKernelPath, type DeviceNumber, type LoopAttachment } from './block-device.ts';
import type { KernelPath } from './kernel-path.ts';
import type { KernelView } from './kernel-view.ts';
import type { FileNumber } from './losetup.ts';

/** What is below an attached loop device, as far as it can be found out. */
export interface LoopBacking {
  /** The regular file below. */
  readonly file?: FileNumber & { readonly path?: KernelPath };
  /** The block device below. */
  readonly block?: DeviceNumber;
  /** Neither is certain, and why not. */
  readonly shortcoming?: string;
}

/** A loop device of which /sys tells nothing more than this. */
export interface LoopDevice {
  readonly number: DeviceNumber;
  /** "loop0". */
  readonly name: string;
  readonly sizeBytes: number;
  readonly loop?: LoopAttachment;
}

/**
 * What is below a loop device. A name proves little: the file may have been removed or renamed, something may be
 * mounted over it, and in a container the name is one of the host's. So the kernel is asked for the file's number;
 * where that can't be done, the name counts only if what is there has the right size.
 */
export function backingOf(device: LoopDevice, view: KernelView): LoopBacking {
  let backing = lookBelow(device, view);
  // The device may have been detached or attached to another file between reading /sys and running losetup. During a
  // detach, /sys still lists the file while the ioctl already fails.
  const deadlineMs = monotonicMs() + settleTimeoutMs;
  while (backing.shortcoming !== undefined && monotonicMs() < deadlineMs) {
    pause(settlePauseMs);
    if (!view.isAttachedNow(device.number)) return {};
    if (!view.askLosetupAgain()) return backing;
    // Undefined where an attribute disappeared between two reads: the device is changing, so look again.
    const again = view.block(device.number);
    if (again !== undefined) backing = lookBelow(again, view);
  }
  return backing;
}

/** Long enough for a busy machine to end a detach. Only a device that losetup never lists waits until the end. */
const settleTimeoutMs = 2_000;
const settlePauseMs = 5;

/** Guards are synchronous: nothing else of the run happens before they are decided. */
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
  // The number may be that of a device node elsewhere. To take it for both refuses too much rather than too little.
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
