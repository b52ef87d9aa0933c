import { spawn } from 'node:child_process';
import { limits } from '../limits.ts';
import { isInMemory } from './direct.ts';
import type { DeviceHandle } from './handle.ts';

/**
 * Drops what the page cache holds of a device that has just been flushed.
 *
 * After a failed write, pages may be in the cache that the kernel takes for written. A later write to such a page can be lost:
 * ext4 does not allocate blocks for it again, and the rest of a page that is written in part comes from the cache.
 *
 * Node has no posix_fadvise(2). GNU dd calls it for its output, which it inherits from us, and writes nothing (`count=0`).
 *
 * @returns why nothing was dropped, as a clause; undefined where it was.
 */
export async function dropPageCache(handle: DeviceHandle): Promise<string | undefined> {
  if (isInMemory(handle)) return undefined;
  const dd = spawn('dd', ['if=/dev/null', 'oflag=nocache', 'count=0', 'status=none'], {
    stdio: ['ignore', handle.fd, 'ignore'],
    env: { ...process.env, LC_ALL: 'C' },
    timeout: limits.helperTimeoutMs,
  });
  const status = await new Promise<number | null | undefined>((resolve) => {
    dd.once('error', () => resolve(undefined)).once('exit', resolve);
  });
  if (status === 0) return undefined;
  return status === undefined
    ? 'there is no dd'
    : 'this dd can not do it (it is not the one of GNU coreutils)';
}
