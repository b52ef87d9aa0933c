import { ZeroReleaser, type DeviceHandle, type WriteOutcome } from '../../device/device.ts';
import { tuning } from '../../limits.ts';
import type { JobRunner, SameHostJob } from '../../workers/jobs.ts';

/** Bytes that a target had to make equal to the source's, by what happened to them. */
export interface SettledBytes {
  readonly writtenBytes: number;
  /** Zeros whose space was released. */
  readonly releasedBytes: number;
  /** Zeros where the target had zeros already. */
  readonly skippedBytes: number;
}

export interface TargetZerosOptions {
  /** What is written. */
  readonly target: DeviceHandle;
  /** Reads from the disk itself. Undefined if that is not possible. */
  readonly disk: DeviceHandle | undefined;
  readonly runner: Pick<JobRunner<SameHostJob>, 'run'>;
}

/** Finishes the writes of a phase: releases the zeros that threads cannot release, and counts all bytes. */
export class TargetZeros {
  readonly #releaser: ZeroReleaser;
  #total: SettledBytes = { writtenBytes: 0, releasedBytes: 0, skippedBytes: 0 };

  constructor({ target, disk, runner }: TargetZerosOptions) {
    this.#releaser = new ZeroReleaser(target, {
      write: async (extents) => {
        await runner.run({ kind: 'zero', target, extents, zeros: 'write' }, 'now');
      },
      verify:
        disk &&
        (async (extents) => {
          const job = {
            kind: 'compare',
            target: disk,
            extents,
            stepBytes: tuning.verifiedStepBytes,
          } as const;
          const source = { ...target, holes: everything };
          const result = await runner.run({ ...job, source, repair: target, zeros: 'write' }, 'now');
          return result.writtenBytes;
        }),
    });
  }

  /** All bytes so far. */
  get total(): SettledBytes {
    return this.#total;
  }

  get notes(): readonly string[] {
    return this.#releaser.note === undefined ? [] : [this.#releaser.note];
  }

  /**
   * Releases what a job has left, and counts the bytes of the job.
   *
   * @returns what was written.
   * @throws {BasynError} `device`, where zeros can be neither released nor written.
   */
  async settle({ writtenBytes, skippedBytes, unreleased }: WriteOutcome): Promise<number> {
    const released = await this.#releaser.release(unreleased);
    const allWrittenBytes = writtenBytes + released.writtenBytes;
    this.#total = {
      writtenBytes: this.#total.writtenBytes + allWrittenBytes,
      releasedBytes: this.#total.releasedBytes + released.releasedBytes,
      skippedBytes: this.#total.skippedBytes + skippedBytes,
    };
    return allWrittenBytes;
  }

  /** Ends the helper process. Call it before the final flush. */
  close(): Promise<void> {
    return this.#releaser.close();
  }
}

/** A device that is one hole is compared without being read. */
const everything = Float64Array.of(0, Number.MAX_SAFE_INTEGER);
