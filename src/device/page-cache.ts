import { systemReason } from '../errors.ts';
import { limits } from '../limits.ts';
import { isInMemory } from './direct.ts';
import { examineOpen, type DeviceHandle } from './handle.ts';
import { runHelper } from './helper-program.ts';

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
  if (examineOpen(handle, () => isInMemory(handle))) return undefined;
  const end = await runHelper('dd', ['if=/dev/null', 'oflag=nocache', 'count=0', 'status=none'], {
    inherited: { 1: handle.fd },
    timeoutMs: limits.helperTimeoutMs,
  });
  if ('error' in end) return `dd can't be run: ${systemReason(end.error)}`;
  return end.status === 0 ? undefined : 'this dd cannot drop it (dd of GNU coreutils can)';
}
