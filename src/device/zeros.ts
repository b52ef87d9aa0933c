import { fstatSync } from 'node:fs';
import { bounds, tuning } from '../limits.ts';
import { isZero, zeroBytes } from '../zero.ts';
import { examineOpen, type DeviceHandle } from './handle.ts';
import { stretchesOf } from './holes.ts';
import type { Range } from './range.ts';
import { writeFully } from './range-io.ts';

/**
 * What happens to a range of the target that has to be zero:
 *
 * - `write`: zeros are written.
 * - `skip`: nothing. The target reads as zeros wherever nothing was written.
 * - `punch`: the range of the file becomes a hole.
 * - `discard`: the range of the block device is released, if it is then certain to read as zeros.
 *
 * A thread cannot punch or discard. It returns the ranges; see {@link ZeroReleaser}.
 */
export type ZeroPolicy = 'write' | 'skip' | 'punch' | 'discard';

/** How a user wants zeros to be treated. */
export interface ZeroChoice {
  /**
   * Of files. `auto`: a file that has holes, or was just created, gets more of them; a file whose blocks are all allocated
   * keeps them. `always` and `never`: zeros become holes, or are written.
   */
  readonly sparse: SparseChoice;
  /** Of block devices: zeros are released. */
  readonly discard: boolean;
}
export type SparseChoice = 'auto' | 'always' | 'never';

/**
 * How a run treats zeros of its target.
 *
 * @param target flushed, so that the space that it uses is known.
 * @param created whether this run has created it.
 * @throws BasynError `device`, if the target can't be examined.
 */
export function zeroPolicyOf(
  target: DeviceHandle,
  created: boolean,
  { sparse, discard }: ZeroChoice,
): ZeroPolicy {
  if (target.kind === 'block device') return discard ? 'discard' : 'write';
  if (sparse === 'never') return 'write';
  if (created) return 'skip';
  const { blocks } = examineOpen(target, () => fstatSync(target.fd));
  return sparse === 'always' || blocks * statBlockBytes < target.sizeBytes ? 'punch' : 'write';
}

/** The unit of `stat.blocks`, whatever the file system. */
export const statBlockBytes = 512;

/** Writes to the target of one job, and counts what happens. */
export class TargetWriter {
  readonly #target: DeviceHandle;
  readonly #zeros: ZeroPolicy;
  #writtenBytes = 0;
  #skippedBytes = 0;
  readonly #unreleased: Range[] = [];

  constructor(target: DeviceHandle, zeros: ZeroPolicy) {
    this.#target = target;
    this.#zeros = zeros;
  }

  /** What has happened so far. */
  outcome(): WriteOutcome {
    return {
      writtenBytes: this.#writtenBytes,
      skippedBytes: this.#skippedBytes,
      unreleased: this.#unreleased,
    };
  }

  /**
   * Makes a range of any length read as zeros, or notes that it has to be released.
   *
   * @throws BasynError `device`, with the offset of the failed write.
   */
  zeros(offsetBytes: number, lengthBytes: number): void {
    switch (this.#zeros) {
      case 'write':
        this.#writeZeros(offsetBytes, lengthBytes);
        break;
      case 'skip':
        this.#skippedBytes += lengthBytes;
        break;
      case 'punch':
      case 'discard':
        for (const stretch of stretchesOf(this.#target.holes, offsetBytes, lengthBytes)) {
          if (stretch.isHole) this.#skippedBytes += stretch.lengthBytes;
          else this.#releaseBlocks(stretch);
        }
    }
  }

  /**
   * Writes bytes, some of which may be zero.
   *
   * @throws BasynError `device`, with the offset of the failed write.
   */
  bytes(offsetBytes: number, bytes: Uint8Array): void {
    // Examining the bytes takes time, so it is done only if it may save the write.
    if (this.#zeros === 'write') {
      this.#write(offsetBytes, bytes);
      return;
    }
    const unitBytes = tuning.zeroUnitBytes;
    let start = 0;
    let isZeroRun = false;
    for (let at = 0; at < bytes.byteLength;) {
      const end = Math.min(bytes.byteLength, at + unitBytes - ((offsetBytes + at) % unitBytes));
      const isUnitZero = end - at === unitBytes && bytes[at] === 0 && isZero(bytes.subarray(at, end));
      if (isUnitZero !== isZeroRun) {
        this.#run(offsetBytes + start, bytes.subarray(start, at), isZeroRun);
        [start, isZeroRun] = [at, isUnitZero];
      }
      at = end;
    }
    this.#run(offsetBytes + start, bytes.subarray(start), isZeroRun);
  }

  #run(offsetBytes: number, bytes: Uint8Array, isZeroRun: boolean): void {
    if (bytes.byteLength === 0) return;
    if (isZeroRun) this.zeros(offsetBytes, bytes.byteLength);
    else this.#write(offsetBytes, bytes);
  }

  /** Only whole blocks can be released. The rest is written. */
  #releaseBlocks({ offsetBytes, lengthBytes }: Range): void {
    const blockBytes = bounds.finestChunkBytes;
    const endBytes = offsetBytes + lengthBytes;
    const firstBytes = Math.min(Math.ceil(offsetBytes / blockBytes) * blockBytes, endBytes);
    const lastBytes = Math.max(endBytes - (endBytes % blockBytes), firstBytes);
    this.#writeZeros(offsetBytes, firstBytes - offsetBytes);
    if (lastBytes > firstBytes) {
      this.#noteUnreleased({ offsetBytes: firstBytes, lengthBytes: lastBytes - firstBytes });
    }
    this.#writeZeros(lastBytes, endBytes - lastBytes);
  }

  #noteUnreleased({ offsetBytes, lengthBytes }: Range): void {
    const last = this.#unreleased.at(-1);
    if (last !== undefined && last.offsetBytes + last.lengthBytes === offsetBytes) {
      this.#unreleased.pop();
      this.#unreleased.push({
        offsetBytes: last.offsetBytes,
        lengthBytes: last.lengthBytes + lengthBytes,
      });
    } else {
      this.#unreleased.push({ offsetBytes, lengthBytes });
    }
  }

  #writeZeros(offsetBytes: number, lengthBytes: number): void {
    const endBytes = offsetBytes + lengthBytes;
    for (let atBytes = offsetBytes; atBytes < endBytes; atBytes += bounds.dataFrameBytes) {
      this.#write(atBytes, zeroBytes(Math.min(bounds.dataFrameBytes, endBytes - atBytes)));
    }
  }

  #write(offsetBytes: number, bytes: Uint8Array): void {
    writeFully(this.#target, offsetBytes, bytes);
    this.#writtenBytes += bytes.byteLength;
  }
}

/** Nothing was to be written. */
export const nothingWritten: WriteOutcome = { writtenBytes: 0, skippedBytes: 0, unreleased: [] };

/** What happened to bytes that a job had to put into the target. Together, the three are all of them. */
export interface WriteOutcome {
  readonly writtenBytes: number;
  /** Zeros where the target has zeros already. */
  readonly skippedBytes: number;
  /** Zeros that are still to be released, or written. */
  readonly unreleased: readonly Range[];
}
