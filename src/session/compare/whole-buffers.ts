import { joinNeighbours } from '../../digest/extent.ts';
import { bufferExtentOf } from '../../digest/geometry.ts';
import { assert } from '../../errors.ts';
import type { Phase } from '../phase.ts';
import type { TaskGroup } from '../task-group.ts';
import type { DigestSource } from './digest-source.ts';
import { Findings } from './findings.ts';
import type { DifferingBuffer, RefinerListener } from './refiner.ts';

/** What a copy does in place of the refiner: all of each buffer is sent. */
export class WholeBuffers {
  readonly mistakes = 0;
  readonly #phase: Phase;
  readonly #tasks: TaskGroup;
  readonly #listener: RefinerListener;
  #waiting: DifferingBuffer[] = [];

  constructor(phase: Phase, tasks: TaskGroup, listener: RefinerListener) {
    this.#phase = phase;
    this.#tasks = tasks;
    this.#listener = listener;
  }

  add(buffer: DifferingBuffer): void {
    this.#waiting.push(buffer);
    if (this.#waiting.length === 1) this.#tasks.spawn(this.#handOn());
  }

  async #handOn(): Promise<void> {
    // A turn later, so that buffers that were surveyed together stay together.
    await Promise.resolve();
    const group = this.#waiting;
    this.#waiting = [];
    const { geometry } = this.#phase;
    const extents = group.map(({ ours }) => bufferExtentOf(geometry, ours.index));
    await this.#listener.onDiffering(joinNeighbours(extents));
    for (const [position, { ours }] of group.entries()) {
      const found = new Findings();
      found.add([extents[position]!]);
      this.#listener.onRefined(ours.index, found);
    }
  }
}

/** The target of a copy, which nobody reads: each of its buffers counts as different. */
export const unreadTarget: DigestSource = {
  known: () => new Uint8Array(0),
  ask: () => {
    assert(false, 'a copy asked for digests');
  },
  advance: () => undefined,
};
