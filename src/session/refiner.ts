import type { Extent } from '../digest/extent.ts';
import { blockBytesOf, bufferExtentOf, differingExtents } from '../digest/geometry.ts';
import { limits } from '../limits.ts';
import { questionsOf, type Asker } from './asker.ts';
import type { Phase } from './phase.ts';
import { RefinementGain } from './refinement-gain.ts';
import type { SurveyedBuffer } from './survey.ts';
import type { TaskGroup } from './task-group.ts';

/** A buffer of ours, and the target's digest of it, which is another. */
export interface DifferingBuffer {
  readonly ours: SurveyedBuffer;
  readonly theirs: Uint8Array;
}

/**
 * Finds out which chunks of differing buffers differ: the target is asked for finer digests, level by level.
 *
 * Buffers go this way in groups, because each question, and each job, costs much the same however much it is about. A
 * buffer sets out at once where nothing is being asked; else it waits for company, until the group is full or the
 * question under way is answered. So it never waits longer than for one answer.
 */
export class Refiner {
  readonly #phase: Phase;
  readonly #asker: Asker;
  readonly #tasks: TaskGroup;
  readonly #onRefined: (buffers: readonly DifferingBuffer[], differing: readonly Extent[]) => Promise<void>;
  readonly #gain = new RefinementGain();
  #waiting: DifferingBuffer[] = [];
  #groupsAsking = 0;
  #isLeaving = false;

  /** @param onRefined is told what differs in the buffers of a group, in ascending order. */
  constructor(
    phase: Phase,
    asker: Asker,
    tasks: TaskGroup,
    onRefined: (buffers: readonly DifferingBuffer[], differing: readonly Extent[]) => Promise<void>,
  ) {
    this.#phase = phase;
    this.#asker = asker;
    this.#tasks = tasks;
    this.#onRefined = onRefined;
  }

  add(buffer: DifferingBuffer): void {
    this.#waiting.push(buffer);
    this.#leaveWhenReady();
  }

  #leaveWhenReady(): void {
    const waitingBytes = this.#waiting.length * this.#phase.geometry.bufferBytes;
    const isReady = this.#groupsAsking === 0 || waitingBytes >= limits.refineGroupBytes;
    if (this.#waiting.length === 0 || !isReady || this.#isLeaving) return;
    this.#isLeaving = true;
    this.#tasks.spawn(this.#leave());
  }

  async #leave(): Promise<void> {
    // A turn later, so that buffers whose digests came in one message stay together.
    await Promise.resolve();
    const group = this.#waiting.sort((a, b) => a.ours.index - b.ours.index);
    this.#waiting = [];
    this.#isLeaving = false;
    this.#groupsAsking++;
    const blocks = await this.#differingBlocks(group);
    this.#groupsAsking--;
    this.#leaveWhenReady();
    await this.#onRefined(group, await this.#differingChunks(blocks));
  }

  async #differingBlocks(group: readonly DifferingBuffer[]): Promise<Extent[]> {
    const { geometry, hasher } = this.#phase;
    const blockBytes = blockBytesOf(geometry);
    const buffers = group.map(({ ours }) => bufferExtentOf(geometry, ours.index));
    const ours = Buffer.concat(group.map(({ ours: { blocks } }) => blocks));
    const isBufferOneBlock = geometry.bufferBytes <= blockBytes;
    const theirs = isBufferOneBlock
      ? Buffer.concat(group.map(({ theirs: digest }) => digest))
      : await this.#asker.ask(buffers, blockBytes);
    return differingExtents(buffers, blockBytes, ours, theirs, hasher.digestBytes);
  }

  async #differingChunks(blocks: Extent[]): Promise<Extent[]> {
    const { geometry, plan } = this.#phase;
    let differing = blocks;
    for (const stepBytes of geometry.stepsBytes.slice(1)) {
      if (plan.chunkBytes === null && !this.#gain.isWorthwhile()) break;
      const parts = questionsOf(differing, stepBytes).map((part) => this.#narrow(part, stepBytes));
      differing = (await Promise.all(parts)).flat();
    }
    return differing;
  }

  async #narrow(extents: readonly Extent[], stepBytes: number): Promise<Extent[]> {
    const { device, plan, runner, hasher } = this.#phase;
    const [ours, theirs] = await Promise.all([
      runner.run({ kind: 'digest', device, hash: plan.hash, extents, stepBytes }, 'now'),
      this.#asker.ask(extents, stepBytes),
    ]);
    const differing = differingExtents(extents, stepBytes, ours.digests, theirs, hasher.digestBytes);
    this.#gain.observe(extents, differing);
    return differing;
  }
}
