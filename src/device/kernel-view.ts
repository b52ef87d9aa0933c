import { readFileSync } from 'node:fs';
import { attachedLoops, readBlockDevice, type BlockDevice, type DeviceNumber } from './block-device.ts';
import { askLosetup, type LoopAnswer } from './losetup.ts';
import { parseMountInfo, type Mount } from './proc-tables.ts';

/**
 * What the kernel reports about mounts and devices at one moment. Each part is read when it is first needed, and then
 * cached. A view is used for one examination of one device.
 */
export class KernelView {
  readonly sysPath: string;
  #mounts: readonly Mount[] | undefined;
  #loops: readonly DeviceNumber[] | undefined;
  #answer: LoopAnswer | undefined;

  /** @param sysPath replaces /sys in tests. */
  constructor(sysPath = '/sys') {
    this.sysPath = sysPath;
  }

  /** @throws NodeJS.ErrnoException without /proc. */
  get mounts(): readonly Mount[] {
    return (this.#mounts ??=
      process.platform === 'linux' ? parseMountInfo(readFileSync('/proc/self/mountinfo', 'latin1')) : []);
  }

  /** @throws NodeJS.ErrnoException if neither /sys nor /proc reports the attached loop devices. */
  get loops(): readonly DeviceNumber[] {
    return (this.#loops ??= this.#listLoops());
  }

  /** Whether a loop device has a file attached now. Not cached. */
  isAttachedNow(number: DeviceNumber): boolean {
    return this.#listLoops().includes(number);
  }

  /** The inode numbers of the files below loop devices, which only losetup(8) can determine. */
  get losetup(): LoopAnswer {
    return (this.#answer ??= askLosetup());
  }

  /** @returns false if another answer can't be expected: without root permissions, or without losetup. */
  askLosetupAgain(): boolean {
    if (process.geteuid?.() !== 0 || !this.losetup.isComplete) return false;
    this.#answer = askLosetup();
    return true;
  }

  block(number: DeviceNumber): BlockDevice | undefined {
    return readBlockDevice(number, this.sysPath);
  }

  #listLoops(): readonly DeviceNumber[] {
    return attachedLoops(this.sysPath) ?? loopsWithoutSys();
  }
}

/** A loop device without a file has a size of 0, and the kernel omits such devices. */
function loopsWithoutSys(): DeviceNumber[] {
  if (process.platform !== 'linux') return [];
  return readFileSync('/proc/partitions', 'latin1')
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+\d+\s+loop\d+$/.exec(line))
    .flatMap((match) => (match === null ? [] : [`${match[1]}:${match[2]}`]));
}
