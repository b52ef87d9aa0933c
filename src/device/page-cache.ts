import { systemReason } from '../errors.ts';
import { bounds } from '../limits.ts';
import { isInMemory } from './direct.ts';
import { examineOpen, type DeviceHandle } from './handle.ts';
import { runHelper } from './helper-program.ts';

/**
 * Drops the page cache of a device that has just been flushed.
 *
 * After a failed write, the cache may contain pages that the kernel considers written. A later write to such a page can be
 * lost: ext4 does not allocate blocks for it again. If only a part of the page is written, the rest comes from the cache.
 *
 * Node has no posix_fadvise(2). GNU dd calls it for its output, a descriptor that it inherits, and writes nothing (`count=0`).
 *
 * @returns as a clause why nothing was dropped; undefined if the cache was dropped.
 * @throws BasynError `device`.
 */
export async function dropPageCache(handle: DeviceHandle): Promise<string | undefined> {
  if (examineOpen(handle, () => isInMemory(handle))) return undefined;
  const end = await runHelper('dd', ['if=/dev/null', 'oflag=nocache', 'count=0', 'status=none'], {
    inherited: { 1: handle.fd },
    timeoutMs: bounds.helperTimeoutMs,
  });
  if ('error' in end) return `dd can't be run: ${systemReason(end.error)}`;
  return end.status === 0 ? undefined : 'this dd cannot drop it (dd of GNU coreutils can)';
}
