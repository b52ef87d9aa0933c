import { spawnSync } from 'node:child_process';
import { systemReason } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { DeviceNumber } from './block-device.ts';

/** The numbers that `stat` reports for a file. They identify it even if its name is hidden, changed or removed. */
export interface FileNumber {
  readonly deviceNumber: DeviceNumber;
  readonly inode: bigint;
}

/** What losetup(8) reported about the files below loop devices. */
export interface LoopAnswer {
  /** By the kernel name of the loop device: "loop0". */
  readonly files: ReadonlyMap<string, FileNumber>;
  /** Whether losetup has listed all attached devices. */
  readonly isComplete: boolean;
  /** Why a file may be missing, as part of a sentence. */
  readonly shortcoming: string;
}

/**
 * The inode number of the file below each loop device. Only an ioctl reports it, and node has no function for ioctls.
 * losetup of busybox does not know these options. Without root permissions, losetup omits the numbers.
 */
export function askLosetup(): LoopAnswer {
  const args = ['--list', '--noheadings', '--raw', '--output', 'NAME,BACK-INO,BACK-MAJ:MIN'];
  const { status, stdout, error } = spawnSync('losetup', args, {
    encoding: 'latin1',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
    timeout: bounds.queryTimeoutMs,
  });
  const isComplete = error === undefined && status === 0;
  const files = new Map(isComplete ? parseLosetup(stdout) : []);
  return { files, isComplete, shortcoming: shortcomingOf(status, error) };
}

function shortcomingOf(status: number | null, error: Error | undefined): string {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'losetup (of util-linux) is not installed';
  if (error !== undefined) return `losetup can't be run: ${systemReason(error)}`;
  if (status !== 0) return 'this losetup does not report it (losetup of util-linux does)';
  return 'losetup needs root to report it';
}

/** Lines like "/dev/loop0 2154697 254:0". A blank inside a column is written as "\x20". */
export function* parseLosetup(text: string): Generator<[string, FileNumber]> {
  for (const line of text.split('\n')) {
    const [name, inode, deviceNumber] = line.replaceAll('\\x20', ' ').split(/\s+/);
    if (name === undefined || inode === undefined || deviceNumber === undefined) continue;
    if (!/^\d+$/.test(inode) || !/^\d+:\d+$/.test(deviceNumber)) continue;
    yield [name.replace(/^\/dev\//, ''), { deviceNumber, inode: BigInt(inode) }];
  }
}
