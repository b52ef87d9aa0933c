import { isInHole } from '../../device/device.ts';
import { joinNeighbours, within, type Extent } from '../../digest/extent.ts';
import { blockBytesOf, bufferExtentOf } from '../../digest/geometry.ts';
import { tuning } from '../../limits.ts';
import { Credit } from '../../protocol/credit.ts';
import type { Recorder } from '../../state-file/recorder.ts';
import { jobBytesOf } from '../../workers/job-bytes.ts';
import type { Coverage } from '../coverage.ts';
import type { Phase } from '../phase.ts';
import type { TaskGroup } from '../task-group.ts';

/** What the first pass computes for a buffer. */
export interface SurveyedBuffer {
  readonly index: number;
  readonly digest: Uint8Array;
  /** Digests of its blocks, back to back. With a single block, the same as `digest`. */
  readonly blocks: Uint8Array;
  /** The parts of the source that can't be read. The digests are those with zeros in their place. */
  readonly unreadable: readonly Extent[];
}

export interface SurveyOptions {
  readonly phase: Phase;
  readonly coverage: Coverage;
  /** The number of buffers that may be surveyed and not yet settled. */
  readonly windowBuffers: number;
  readonly tasks: TaskGroup;
  /** Knows digests of the device, so that it is not read there. */
  readonly record?: Recorder | undefined;
}

/** Of a buffer whose digest is known from earlier: its blocks are digested when somebody asks. */
const noBlocks = new Uint8Array(0);

/** The first pass over a device: every buffer of a coverage is read and hashed, in order, as far ahead as the window lets it. */
export class Survey {
  readonly #phase: Phase;
  readonly #coverage: Coverage;
  readonly #record: Recorder | undefined;
  readonly #batchBuffers: number;
  /** Holes cost no read, so more of them share a message. */
  readonly #holeBatchBuffers: number;
  readonly #window: Credit;
  readonly #tasks: TaskGroup;
  #donePosition = 0;
  #hole: Promise<SurveyedBuffer> | undefined;

  constructor({ phase, coverage, windowBuffers, tasks, record }: SurveyOptions) {
    this.#phase = phase;
    this.#record = record;
    this.#coverage = coverage;
    this.#tasks = tasks;
    const buffersPerJob = Math.floor(jobBytesOf(phase.device) / phase.geometry.bufferBytes);
    this.#holeBatchBuffers = Math.max(1, Math.floor(windowBuffers / tuning.jobsPerWindow));
    this.#batchBuffers = Math.max(1, Math.min(buffersPerJob, this.#holeBatchBuffers));
    this.#window = new Credit(windowBuffers);
  }

  /** Hands out every buffer of the coverage once, in batches in their order; batches may overtake each other. */
  async run(deliver: (batch: readonly SurveyedBuffer[]) => void): Promise<void> {
    const { bufferCount } = this.#coverage;
    let first = 0;
    while (first < bufferCount) {
      const recorded = this.#recordedFrom(first);
      const holeCount = recorded.length > 0 ? 0 : this.#holesFrom(first);
      const count = recorded.length || holeCount || this.#countToRead(first);
      await this.#window.acquire(count);
      // In the background: a read that fails ends the phase at once, also while the window is closed.
      const batch =
        recorded.length > 0
          ? Promise.resolve(recorded)
          : holeCount > 0
            ? this.#digestHoles(first, count)
            : this.#digest(first, count);
      this.#tasks.spawn(batch.then(deliver));
      first += count;
    }
  }

  /** The buffers from a position on that the target's state file knows, at most those of one batch. */
  #recordedFrom(first: number): SurveyedBuffer[] {
    const record = this.#record;
    const buffers: SurveyedBuffer[] = [];
    if (record === undefined) return buffers;
    const end = Math.min(this.#coverage.bufferCount, first + this.#holeBatchBuffers);
    for (let position = first; position < end; position++) {
      const index = this.#coverage.indexAt(position);
      const digest = record.digestOf(index);
      if (digest === undefined) break;
      buffers.push({ index, digest, blocks: noBlocks, unreadable: [] });
    }
    return buffers;
  }

  /** The number of buffers from a position on that share a job. */
  #countToRead(first: number): number {
    const end = Math.min(this.#coverage.bufferCount, first + this.#batchBuffers);
    const record = this.#record;
    if (record === undefined) return end - first;
    let position = first + 1;
    while (position < end && !record.isKnown(this.#coverage.indexAt(position))) position++;
    return position - first;
  }

  /** The buffers of the coverage below `donePosition` are settled, so the window moves on. */
  advance(donePosition: number): void {
    this.#window.release(donePosition - this.#donePosition);
    this.#donePosition = donePosition;
  }

  /** The number of whole buffers from a position on that are holes, at most those of one batch. */
  #holesFrom(first: number): number {
    const { geometry, device } = this.#phase;
    const coverage = this.#coverage;
    if (device.holes === undefined) return 0;
    const end = Math.min(coverage.bufferCount, first + this.#holeBatchBuffers);
    let position = first;
    while (position < end) {
      const { offsetBytes, lengthBytes } = bufferExtentOf(geometry, coverage.indexAt(position));
      const isHole = isInHole(device.holes, offsetBytes, lengthBytes);
      if (!isHole || lengthBytes < geometry.bufferBytes) break;
      position++;
    }
    return position - first;
  }

  /** All holes have the same digests. They are computed once. */
  async #digestHoles(first: number, count: number): Promise<SurveyedBuffer[]> {
    this.#hole ??= this.#digest(first, 1).then(([buffer]) => buffer!);
    const { digest, blocks } = await this.#hole;
    return Array.from({ length: count }, (_, position) => ({
      index: this.#coverage.indexAt(first + position),
      digest,
      blocks,
      unreadable: [],
    }));
  }

  async #digest(first: number, count: number): Promise<SurveyedBuffer[]> {
    const { geometry, device, plan, runner, hasher } = this.#phase;
    const indexes = Array.from({ length: count }, (_, position) => this.#coverage.indexAt(first + position));
    const stepBytes = blockBytesOf(geometry);
    // Small buffers share a read.
    const extents = joinNeighbours(
      indexes.map((index) => bufferExtentOf(geometry, index)),
      stepBytes,
    );
    const job = { kind: 'digest', device, hash: plan.hash, extents, stepBytes } as const;
    const { digests, unreadable = [] } = await runner.run(job, 'ahead');
    let atBytes = 0;
    return indexes.map((index) => {
      const extent = bufferExtentOf(geometry, index);
      const blockCount = Math.ceil(extent.lengthBytes / stepBytes);
      const blocks = digests.subarray(atBytes, atBytes + blockCount * hasher.digestBytes);
      atBytes += blocks.byteLength;
      const digest = blockCount === 1 ? blocks : hasher.digestOne(blocks);
      return { index, blocks, digest, unreadable: within(unreadable, extent) };
    });
  }
}
