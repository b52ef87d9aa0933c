import { totalmem } from 'node:os';
import { tuning } from '../limits.ts';
import { isInMemory } from './direct.ts';
import { examineOpen, flush, type DeviceHandle } from './handle.ts';
import { dropPageCache } from './page-cache.ts';

/**
 * Undefined for a file in memory: its page cache is its storage.
 *
 * @param passes what passes through the cache.
 */
export function cacheReleaseOf(handle: DeviceHandle, passes: 'reads' | 'writes'): CacheRelease | undefined {
  return examineOpen(handle, () => isInMemory(handle)) ? undefined : new CacheRelease(handle, passes);
}

/**
 * Releases the page cache of a large device again and again while a run uses it, so that the cache keeps what other programs
 * need. What was written is flushed first, which also keeps the disk busy while further data arrives.
 *
 * Direct writes were measured as well. They were not faster, and a direct write must not share a page with a buffered one.
 */
export class CacheRelease {
  readonly #handle: DeviceHandle;
  readonly #passes: 'reads' | 'writes';
  readonly #stepBytes = Math.min(tuning.releasedBytes, totalmem() * tuning.releasedShareOfMemory);
  /** What has passed through the cache since the last release began. */
  #passedBytes = 0;
  /** A release that has failed stays. */
  #release: Promise<void> | undefined;
  #isPossible = true;

  constructor(handle: DeviceHandle, passes: 'reads' | 'writes') {
    this.#handle = handle;
    this.#passes = passes;
  }

  /**
   * Counts bytes that have passed through the page cache. Resolves when further ones may follow: at once, unless the disk is
   * too slow.
   *
   * @throws BasynError `device`, if a flush has failed.
   */
  async passed(lengthBytes: number): Promise<void> {
    if (!this.#isPossible) return;
    this.#passedBytes += lengthBytes;
    if (this.#passedBytes < this.#stepBytes) return;
    if (this.#release === undefined) {
      this.#begin();
    } else if (this.#passedBytes >= 2 * this.#stepBytes) {
      await this.#release;
    }
  }

  /**
   * Waits for a release in progress. Call it before the last flush: the kernel reports a failed write to one flush only.
   *
   * @throws BasynError `device`, if its flush has failed.
   */
  async end(): Promise<void> {
    await this.#release;
  }

  /** Waits until nothing uses the descriptor any more. After {@link end}, or after a failure that is known already. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#release]);
  }

  #begin(): void {
    this.#passedBytes = 0;
    const release = this.#releaseNow().then(() => {
      this.#release = undefined;
    });
    // A failure is reported to whoever waits for it.
    release.catch(() => undefined);
    this.#release = release;
  }

  async #releaseNow(): Promise<void> {
    if (this.#passes === 'writes') await flush(this.#handle);
    if ((await dropPageCache(this.#handle)) !== undefined) this.#isPossible = false;
  }
}
