import { closeSync, openSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openSource, openTarget, type OpenedDevice, type TargetOptions } from '../../src/device/device.ts';
import { BasynError, type ErrorRecord } from '../../src/errors.ts';
import * as loops from '../support/loop-device.ts';
import { scratchDirectory as directory } from '../support/scratch.ts';

export { makeFileSystem } from '../support/loop-device.ts';
export { scratchDirectory as directory, scratchFile as fileWith } from '../support/scratch.ts';

export const MiB = 1024 * 1024;

export function fileOf(sizeBytes: number, name = 'disk.img', parent = directory()): string {
  const path = join(parent, name);
  closeSync(openSync(path, 'wx'));
  truncateSync(path, sizeBytes);
  return path;
}

/** The path of a loop device that is removed after the test. */
export function loopOver(file: string, options?: loops.LoopOptions): string {
  const { path, detach } = loops.attachLoop(file, options);
  onTestFinished(detach);
  return path;
}

/** Mounts a file system on the device, and returns the mount point. */
export function mounted(device: string, options?: string, name = 'mount point'): string {
  const path = join(directory(), name);
  onTestFinished(loops.mount(device, path, options));
  return path;
}

export function mountedTmpfs(sizeBytes: number): string {
  const path = join(directory(), 'tmpfs');
  onTestFinished(loops.mountTmpfs(path, sizeBytes));
  return path;
}

export function swappedOn(path: string): void {
  onTestFinished(loops.swapOn(path));
}

export const writing: TargetOptions = {
  side: 'remote',
  hosts: 'two',
  sourceSizeBytes: 0,
  missing: 'refuse',
  tooSmall: 'refuse',
  inUse: 'refuse',
  purpose: 'write',
};

export async function source(path: string): Promise<OpenedDevice> {
  return closedAfterwards(await openSource(path, { side: 'local', hosts: 'two' }));
}

export async function target(path: string, options: Partial<TargetOptions> = {}): Promise<OpenedDevice> {
  return closedAfterwards(await openTarget(path, { ...writing, ...options }));
}

/** The BasynError with which the work ends, as it would be printed. */
export async function failureOf(work: () => unknown): Promise<ErrorRecord> {
  try {
    await work();
  } catch (error) {
    if (error instanceof BasynError) return { ...error.toRecord() };
    throw error;
  }
  throw new Error('it did not fail');
}

function closedAfterwards(device: OpenedDevice): OpenedDevice {
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (isOpen) await device.close();
    isOpen = false;
  };
  onTestFinished(close);
  return { ...device, close };
}

/** Does the work as the user "nobody". The permissions of other tests' files must not matter during that. */
export async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  process.seteuid!(65534);
  try {
    return await work();
  } finally {
    process.seteuid!(0);
  }
}
