import { readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DeviceNumber } from './block-device.ts';
import type { KernelView } from './kernel-view.ts';

/** The directories of a block device and of its disk, which are the same unless it is a partition. */
export function placeInSys(
  number: DeviceNumber,
  { sysPath }: KernelView,
): { readonly directory?: string; readonly disk?: string } {
  const directory = unlessUnreadable(() => realpathSync.native(join(sysPath, 'dev/block', number)));
  if (directory === undefined) return {};
  const isPartition = readLine(join(directory, 'partition')) !== '';
  const disk = isPartition ? dirname(directory) : directory;
  return basename(disk) === 'block' ? {} : { directory, disk };
}

/** The text of an attribute, or '' where it can't be read. */
export function readLine(path: string): string {
  return unlessUnreadable(() => readFileSync(path, 'utf8').trim()) ?? '';
}

/** What can't be read is not known: whoever compares it proves nothing by it. */
export function unlessUnreadable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}
