import { joinNeighbours } from '../../digest/extent.ts';
import { blockBytesOf, bufferCountOf, bufferExtentOf } from '../../digest/geometry.ts';
import { limits } from '../../limits.ts';
import { Credit } from '../../protocol/credit.ts';
import type { Phase } from '../phase.ts';
import type { TaskGroup } from '../task-group.ts';

/** What the first pass learns of a buffer. */
export interface SurveyedBuffer {
  readonly index: number;
  readonly digest: Uint8Array;
  /** Digests of its blocks, back to back; with a single block, the buffer's own. */
  readonly blocks: Uint8Array;
}

/** The first pass over a device: every buffer is read and hashed, in order, as far ahead as the window lets it. */
export class Survey {
  readonly #phase: Phase;
  readonly #bufferCount: number;
  readonly #batchBuffers: number;
  readonly #window: Credit;
  readonly #tasks: TaskGroup;
  #doneBuffers = 0;

  /** @param windowBuffers how many buffers may be surveyed and not yet settled. */
  constructor(phase: Phase, windowBuffers: number, tasks: TaskGroup) {
    this.#phase = phase;
    this.#tasks = tasks;
    this.#bufferCount = bufferCountOf(phase.geometry);
    const buffersPerJob = Math.floor(limits.jobBytes / phase.geometry.bufferBytes);
    // At most a quarter of the window in one job, so that jobs overlap with the conversation about others.
    this.#batchBuffers = Math.max(1, Math.min(buffersPerJob, Math.floor(windowBuffers / 4)));
    this.#window = new Credit(windowBuffers);
  }

  /** Hands out every buffer once, in batches of neighbours; batches may overtake each other. */
  async run(deliver: (batch: readonly SurveyedBuffer[]) => void): Promise<void> {
    for (let first = 0; first < this.#bufferCount; first += this.#batchBuffers) {
      const count = Math.min(this.#batchBuffers, this.#bufferCount - first);
      await this.#window.acquire(count);
      // Beside the story: a read that fails is heard of at once, also while the window is closed.
      this.#tasks.spawn(this.#digest(first, count).then(deliver));
    }
  }

  /** Buffers below `doneBuffers` are settled, so that the window moves on. */
  advance(doneBuffers: number): void {
    this.#window.release(doneBuffers - this.#doneBuffers);
    this.#doneBuffers = doneBuffers;
  }

  async #digest(first: number, count: number): Promise<SurveyedBuffer[]> {
    const { geometry, device, plan, runner, hasher } = this.#phase;
    const extents = Array.from({ length: count }, (_, position) =>
      bufferExtentOf(geometry, first + position),
    );
    const stepBytes = blockBytesOf(geometry);
    // Small buffers share a read.
    const joined = joinNeighbours(extents, stepBytes);
    const job = { kind: 'digest', device, hash: plan.hash, extents: joined, stepBytes } as const;
    const { digests } = await runner.run(job, 'ahead');
    let position = 0;
    return extents.map(({ lengthBytes }, index) => {
      const blockCount = Math.ceil(lengthBytes / stepBytes);
      const blocks = digests.subarray(position, position + blockCount * hasher.digestBytes);
      position += blocks.byteLength;
      return { index: first + index, blocks, digest: blockCount === 1 ? blocks : hasher.digestOne(blocks) };
    });
  }
}
