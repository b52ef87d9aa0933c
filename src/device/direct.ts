import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { systemReason } from '../errors.ts';
import { deviceNumber, readBlockDevice } from './block-device.ts';
import { deviceError, nameOf, openHandle, type DeviceHandle, type OpenHandle } from './handle.ts';
import { alignedMemory, maxAlignmentBytes } from './range-io.ts';

/** No file system asks for more on today's page sizes; a device with larger logical blocks says so. */
const leastAlignmentBytes = 4096;

/**
 * Opens the same device a second time, read-only and past the page cache, so that reads see what is on the
 * disk. It goes through /proc, so that it is the same inode even if the path now leads elsewhere.
 *
 * @returns undefined where the storage can't do it.
 * @throws BasynError `device`, where it fails for another reason.
 */
export function reopenDirect(handle: DeviceHandle): OpenHandle | undefined {
  if (process.platform !== 'linux') return undefined;
  const alignmentBytes = alignmentOf(handle);
  if (alignmentBytes > maxAlignmentBytes) return undefined;
  const fd = openDirect(handle);
  if (fd === undefined) return undefined;
  const direct: DeviceHandle = { ...handle, fd, access: 'direct', alignmentBytes };
  if (canRead(direct)) return openHandle(direct);
  closeSync(fd);
  return undefined;
}

function alignmentOf({ fd }: DeviceHandle): number {
  const stats = fstatSync(fd, { bigint: true });
  const storage = readBlockDevice(deviceNumber(stats.isBlockDevice() ? stats.rdev : stats.dev));
  return Math.max(leastAlignmentBytes, storage?.logicalBlockBytes ?? 0);
}

function openDirect(handle: DeviceHandle): number | undefined {
  try {
    return openSync(`/proc/self/fd/${handle.fd}`, constants.O_RDONLY | constants.O_DIRECT);
  } catch (error) {
    if (isUnsupported(error)) return undefined;
    const reason = systemReason(error as NodeJS.ErrnoException);
    throw deviceError(handle, `cannot open ${nameOf(handle)} for direct reading: ${reason}.`, error);
  }
}

/** Some file systems take the flag at open, and refuse the first read. Other errors belong to the real reads. */
function canRead({ fd, alignmentBytes }: DeviceHandle): boolean {
  try {
    readSync(fd, alignedMemory(alignmentBytes), 0, alignmentBytes, 0);
  } catch (error) {
    return !isUnsupported(error);
  }
  return true;
}

function isUnsupported(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EINVAL' || code === 'ENOTSUP' || code === 'EOPNOTSUPP';
}
