import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { deviceNumber } from './block-device.ts';
import type { KernelView } from './kernel-view.ts';

const deviceDirectory = '/dev';

/**
 * Whether a path lies where only device nodes belong: in /dev itself, or in a devtmpfs wherever it is mounted.
 * Another file system below /dev, such as /dev/shm, is an ordinary place.
 *
 * @throws NodeJS.ErrnoException where the path's directory does not exist, or the table of mounts can't be read.
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
