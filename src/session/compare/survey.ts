import { isInHole } from '../../device/device.ts';
import { joinNeighbours, within, type Extent } from '../../digest/extent.ts';
import { blockBytesOf, bufferExtentOf } from '../../digest/geometry.ts';
import { Credit } from '../../protocol/credit.ts';
import { jobBytesOf } from '../../workers/job-bytes.ts';
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

/** The first pass over a device: every examined buffer is read and hashed, in order, as far ahead as the window lets it. */
export class Survey {
  readonly #phase: Phase;
  readonly #batchBuffers: number;
  /** Holes cost no read, so more of them share a message. */
  readonly #holeBatchBuffers: number;
  readonly #window: Credit;
  readonly #tasks: TaskGroup;
  #donePosition = 0;
  #hole: Promise<SurveyedBuffer> | undefined;

  /** @param windowBuffers the number of buffers that may be surveyed and not yet settled. */
  constructor(phase: Phase, windowBuffers: number, tasks: TaskGroup) {
    this.#phase = phase;
    this.#tasks = tasks;
    const buffersPerJob = Math.floor(jobBytesOf(phase.device) / phase.geometry.bufferBytes);
    // Several jobs share the window, so that they overlap with the messages about others.
    this.#holeBatchBuffers = Math.max(1, Math.floor(windowBuffers / jobsPerWindow));
    this.#batchBuffers = Math.max(1, Math.min(buffersPerJob, this.#holeBatchBuffers));
    this.#window = new Credit(windowBuffers);
  }

  /** Hands out every examined buffer once, in batches in their order; batches may overtake each other. */
  async run(deliver: (batch: readonly SurveyedBuffer[]) => void): Promise<void> {
    const { bufferCount } = this.#phase.coverage;
    let first = 0;
    while (first < bufferCount) {
      const holeCount = this.#holesFrom(first);
      const count = holeCount > 0 ? holeCount : Math.min(this.#batchBuffers, bufferCount - first);
      await this.#window.acquire(count);
      // In the background: a read that fails ends the phase at once, also while the window is closed.
      const batch = holeCount > 0 ? this.#digestHoles(first, count) : this.#digest(first, count);
      this.#tasks.spawn(batch.then(deliver));
      first += count;
    }
  }

  /** The examined buffers below `donePosition` are settled, so the window moves on. */
  advance(donePosition: number): void {
    this.#window.release(donePosition - this.#donePosition);
    this.#donePosition = donePosition;
  }

  /** The number of whole buffers from a position on that are holes, at most those of one batch. */
  #holesFrom(first: number): number {
    const { coverage, geometry, device } = this.#phase;
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
      index: this.#phase.coverage.indexAt(first + position),
      digest,
      blocks,
      unreadable: [],
    }));
  }

  async #digest(first: number, count: number): Promise<SurveyedBuffer[]> {
    const { coverage, geometry, device, plan, runner, hasher } = this.#phase;
    const indexes = Array.from({ length: count }, (_, position) => coverage.indexAt(first + position));
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

const jobsPerWindow = 4;
