import { fstatSync, readFileSync } from 'node:fs';
import { deviceNumber, readBlockDevice } from './block-device.ts';
import { nameOf, type DeviceHandle } from './handle.ts';
import { Puncher } from './puncher.ts';
import type { Range } from './range.ts';

/** What a {@link ZeroReleaser} leaves to threads. */
export interface ZeroWork {
  /** Writes zeros. */
  readonly write: (ranges: readonly Range[]) => Promise<void>;
  /**
   * Reads ranges from the disk itself, and writes zeros where they are not zero. Returns the bytes that were written.
   * Undefined if the disk can only be read through a page cache.
   */
  readonly verify: ((ranges: readonly Range[]) => Promise<number>) | undefined;
}

/** What happened to ranges that had to become zero. */
export interface Released {
  readonly releasedBytes: number;
  readonly writtenBytes: number;
}

/**
 * Makes ranges of a target zero by releasing their space, in the thread of the event loop. A range counts as released only
 * after the kernel has confirmed that it reads as zeros, or after it was read. Everything else is written.
 */
export class ZeroReleaser {
  readonly #target: DeviceHandle;
  readonly #puncher: Puncher;
  readonly #work: ZeroWork;
  #way: 'punch' | 'discard' | 'write' = 'punch';
  #failures = 0;

  constructor(target: DeviceHandle, work: ZeroWork) {
    this.#target = target;
    this.#puncher = new Puncher(target);
    this.#work = work;
  }

  /** A sentence for `--verbose`, if zeros had to be written. */
  get note(): string | undefined {
    if (this.#failures === 0) return undefined;
    return `${nameOf(this.#target)} cannot release some or all of its zeros: they were written.`;
  }

  /**
   * Makes the ranges zero.
   *
   * @throws BasynError `device`, if zeros cannot be written either.
   */
  async release(ranges: readonly Range[]): Promise<Released> {
    if (ranges.length === 0) return { releasedBytes: 0, writtenBytes: 0 };
    const left = await this.#punch(ranges);
    const uncertain = this.#way === 'discard' ? await this.#discard(left) : [];
    const writtenAfterDiscard = uncertain.length > 0 ? await this.#work.verify!(uncertain) : 0;
    const unreleased = left.filter((range) => !uncertain.includes(range));
    if (unreleased.length > 0) {
      this.#failures++;
      await this.#work.write(unreleased);
    }
    const writtenBytes = writtenAfterDiscard + sumOf(unreleased);
    return { writtenBytes, releasedBytes: sumOf(ranges) - writtenBytes };
  }

  /** Ends the helper process. */
  close(): Promise<void> {
    return this.#puncher.close();
  }

  /** @returns the ranges that could not be punched. */
  async #punch(ranges: readonly Range[]): Promise<readonly Range[]> {
    if (this.#way !== 'punch') return ranges;
    const results = await Promise.all(ranges.map((range) => this.#puncher.release('punch', range)));
    const left = ranges.filter((_, index) => !results[index]);
    // The next range would fail as well.
    if (left.length > 0)
      this.#way = this.#work.verify !== undefined && isThin(this.#target) ? 'discard' : 'write';
    return left;
  }

  /** @returns the ranges that were discarded. What they read as is not certain. */
  async #discard(ranges: readonly Range[]): Promise<readonly Range[]> {
    const results = await Promise.all(ranges.map((range) => this.#puncher.release('discard', range)));
    const discarded = ranges.filter((_, index) => results[index]);
    if (discarded.length < ranges.length) this.#way = 'write';
    return discarded;
  }
}

/** The smallest block of a thin pool. Disks discard in smaller units. */
const leastThinBlockBytes = 64 * 1024;

/**
 * Whether a device is mapped, and discards blocks as large as those of a thin pool. Such a device reads the same each time
 * after a discard. Some SSDs do not: what they read as zero once may not be zero later.
 */
function isThin({ fd, kind }: DeviceHandle): boolean {
  if (kind !== 'block device') return false;
  try {
    const number = deviceNumber(fstatSync(fd, { bigint: true }).rdev);
    if (readBlockDevice(number)?.name.startsWith('dm-') !== true) return false;
    const text = readFileSync(`/sys/dev/block/${number}/queue/discard_granularity`, 'latin1');
    return Number(text) >= leastThinBlockBytes;
  } catch {
    // Without an answer nothing is discarded.
    return false;
  }
}

function sumOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
}
