import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { deviceNumber } from './block-device.ts';
import type { KernelView } from './kernel-view.ts';

const deviceDirectory = '/dev';

/**
 * Whether a path is in a directory for device nodes: /dev itself, or any mount of a devtmpfs. Another file system below
 * /dev, such as /dev/shm, is an ordinary directory.
 *
 * @throws NodeJS.ErrnoException if the directory of the path does not exist, or the mount table can't be read.
 */
export function isInDeviceDirectory(path: string, view: KernelView): boolean {
  const directory = realpathSync.native(dirname(path));
  const { dev } = statSync(directory, { bigint: true });
  if (
    `${directory}/`.startsWith(`${deviceDirectory}/`) &&
    dev === statSync(deviceDirectory, { bigint: true }).dev
  ) {
    return true;
  }
  return view.mounts.some((mount) => mount.type === 'devtmpfs' && mount.deviceNumber === deviceNumber(dev));
}
