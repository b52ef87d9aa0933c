import { firstIndexWhere } from '../binary-search.ts';
import { deviceError, nameOf, type DeviceHandle } from '../device/handle.ts';
import type { UnreadableListener } from '../device/medium-error.ts';
import type { Extent } from '../digest/extent.ts';
import type { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { SourceJob, SourceResult } from './jobs.ts';

/** Ranges of a source that can't be read, ascending and joined where they touch. Their number and length are bounded. */
export class UnreadableRanges {
  readonly #device: DeviceHandle;
  readonly #ranges: Extent[] = [];
  #totalBytes = 0;

  constructor(device: DeviceHandle) {
    this.#device = device;
  }

  get ranges(): readonly Extent[] {
    return this.#ranges;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /**
   * Adds a range, which may have been added before.
   *
   * @throws BasynError `device`, if that is more than a damaged disk has: the disk is gone, or fails as a whole.
   */
  add({ offsetBytes, lengthBytes }: Extent): void {
    let [startBytes, endBytes] = [offsetBytes, offsetBytes + lengthBytes];
    const first = this.#indexOfFirst((range) => range.offsetBytes + range.lengthBytes >= startBytes);
    const end = this.#indexOfFirst((range) => range.offsetBytes > endBytes);
    const touching = this.#ranges.slice(first, end);
    for (const range of touching) {
      startBytes = Math.min(startBytes, range.offsetBytes);
      endBytes = Math.max(endBytes, range.offsetBytes + range.lengthBytes);
      this.#totalBytes -= range.lengthBytes;
    }
    const joined = { offsetBytes: startBytes, lengthBytes: endBytes - startBytes };
    this.#ranges.splice(first, touching.length, joined);
    this.#totalBytes += joined.lengthBytes;
    if (this.#ranges.length > bounds.unreadableRanges || this.#totalBytes > bounds.unreadableBytes) {
      throw this.#tooMuch();
    }
  }

  /** The index of the first range that fulfils a condition, which all later ones fulfil as well. */
  #indexOfFirst(isFulfilled: (range: Extent) => boolean): number {
    return firstIndexWhere(this.#ranges.length, (index) => isFulfilled(this.#ranges[index]!));
  }

  #tooMuch(): BasynError {
    const listed = this.#ranges
      .slice(0, bounds.reportedRanges)
      .map(({ offsetBytes, lengthBytes }) => `${lengthBytes} bytes at byte ${offsetBytes}`);
    const message =
      `too much of ${nameOf(this.#device)} can't be read: ${this.#totalBytes} bytes in ${this.#ranges.length} ` +
      `ranges so far, the first are ${listed.join(', ')}. The disk may be failing as a whole, or be gone.`;
    return deviceError(this.#device, message, undefined, this.#ranges[0]!.offsetBytes);
  }
}

/** What the reads of one job could not read. */
export class UnreadableInJob {
  readonly #found: UnreadableRanges;
  /** For the reads of the job. Undefined where an unreadable range fails the job. */
  readonly listener: UnreadableListener | undefined;

  constructor({ readErrors }: SourceJob, source: DeviceHandle) {
    this.#found = new UnreadableRanges(source);
    if (readErrors !== 'skip') return;
    this.listener = (offsetBytes, lengthBytes) => this.#found.add({ offsetBytes, lengthBytes });
  }

  get ranges(): readonly Extent[] {
    return this.#found.ranges;
  }

  get totalBytes(): number {
    return this.#found.totalBytes;
  }

  /** What the result of the job says about it. */
  result(): SourceResult {
    return this.ranges.length === 0 ? {} : { unreadable: this.ranges };
  }
}
