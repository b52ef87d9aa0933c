import { joinNeighbours, within, type Extent } from '../../digest/extent.ts';
import { blockBytesOf, bufferExtentOf } from '../../digest/geometry.ts';
import { tuning } from '../../limits.ts';
import { Credit } from '../../protocol/credit.ts';
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
  readonly #window: Credit;
  readonly #tasks: TaskGroup;
  #donePosition = 0;

  /** @param windowBuffers the number of buffers that may be surveyed and not yet settled. */
  constructor(phase: Phase, windowBuffers: number, tasks: TaskGroup) {
    this.#phase = phase;
    this.#tasks = tasks;
    const buffersPerJob = Math.floor(tuning.jobBytes / phase.geometry.bufferBytes);
    // Several jobs share the window, so that they overlap with the messages about others.
    this.#batchBuffers = Math.max(1, Math.min(buffersPerJob, Math.floor(windowBuffers / jobsPerWindow)));
    this.#window = new Credit(windowBuffers);
  }

  /** Hands out every examined buffer once, in batches in their order; batches may overtake each other. */
  async run(deliver: (batch: readonly SurveyedBuffer[]) => void): Promise<void> {
    const { bufferCount } = this.#phase.coverage;
    for (let first = 0; first < bufferCount; first += this.#batchBuffers) {
      const count = Math.min(this.#batchBuffers, bufferCount - first);
      await this.#window.acquire(count);
      // In the background: a read that fails ends the phase at once, also while the window is closed.
      this.#tasks.spawn(this.#digest(first, count).then(deliver));
    }
  }

  /** The examined buffers below `donePosition` are settled, so the window moves on. */
  advance(donePosition: number): void {
    this.#window.release(donePosition - this.#donePosition);
    this.#donePosition = donePosition;
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
