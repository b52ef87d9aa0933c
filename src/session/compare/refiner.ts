import { cut, within, without, type Extent } from '../../digest/extent.ts';
import { blockBytesOf, bufferExtentOf, differingExtents, stepCountOf } from '../../digest/geometry.ts';
import { bounds, tuning } from '../../limits.ts';
import { Credit } from '../../protocol/credit.ts';
import { questionsOf } from './asker.ts';
import type { DigestSource } from './digest-source.ts';
import { OpenBuffers, type RefinedListener } from './open-buffers.ts';
import type { Phase } from '../phase.ts';
import { RecordCheck } from './record-check.ts';
import { RefinementGain } from './refinement-gain.ts';
import type { SurveyedBuffer } from './survey.ts';
import type { TaskGroup } from '../task-group.ts';

/** A surveyed buffer, and the target's different digest of it. */
export interface DifferingBuffer {
  readonly ours: SurveyedBuffer;
  readonly theirs: Uint8Array;
}

/** What the refiner reports. */
export interface RefinerListener {
  /** Some of what differs, in any order. The refiner waits for this before it continues with those buffers. */
  onDiffering(extents: readonly Extent[]): Promise<void>;
  /** Everything that differs in a buffer has been reported. */
  readonly onRefined: RefinedListener;
}

/** Neighbouring blocks of differing buffers, and their digests. Large buffers are refined in parts. */
interface Part {
  readonly extents: readonly Extent[];
  readonly ours: readonly Uint8Array[];
  /** Of each extent, where that is one block. */
  readonly theirs: readonly Uint8Array[];
  /** What can't be read of the blocks. */
  readonly unreadable: readonly Extent[];
}

/**
 * Finds the differing chunks of differing buffers. It requests finer digests from the target, level by level.
 *
 * Buffers are refined in groups, because a request or a job costs about the same whatever its size. A buffer starts at
 * once where no request is open. Otherwise it waits until the group is full or the open request is answered. So it never
 * waits longer than for one answer.
 *
 * Memory does not depend on the size of a buffer: at most `bounds.refiningParts` parts are refined at once, and the
 * digests of at most `bounds.refiningSteps` steps are compared. What differs is passed on as soon as it is known.
 */
export class Refiner {
  readonly #phase: Phase;
  readonly #theirs: DigestSource;
  readonly #tasks: TaskGroup;
  readonly #listener: RefinerListener;
  readonly #gain: RefinementGain;
  /** Undefined where all digests come from the target itself. */
  readonly #check: RecordCheck | undefined;
  readonly #buffers: OpenBuffers;
  readonly #parts = new Credit(bounds.refiningParts);
  readonly #steps = new Credit(bounds.refiningSteps);
  #waiting: DifferingBuffer[] = [];
  #partsAsking = 0;
  #isLeaving = false;

  constructor(phase: Phase, theirs: DigestSource, tasks: TaskGroup, listener: RefinerListener) {
    this.#phase = phase;
    this.#theirs = theirs;
    this.#tasks = tasks;
    this.#listener = listener;
    this.#gain = new RefinementGain(phase.trace);
    const mostRanges = phase.facts === undefined ? bounds.reportedRanges : Infinity;
    this.#buffers = new OpenBuffers(phase.geometry.bufferBytes, listener.onRefined, mostRanges);
    this.#check = phase.plan.recorded === true ? new RecordCheck(phase) : undefined;
  }

  /** Buffers of the target that were not what a state file says. */
  get mistakes(): number {
    return this.#check?.mistakes ?? 0;
  }

  add(buffer: DifferingBuffer): void {
    this.#check?.expect(buffer.ours.index, buffer.theirs);
    this.#waiting.push(buffer);
    this.#leaveWhenReady();
  }

  #leaveWhenReady(): void {
    const waitingBytes = this.#waiting.length * this.#phase.geometry.bufferBytes;
    const isReady = this.#partsAsking === 0 || waitingBytes >= tuning.refineGroupBytes;
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
    const parts = [...partsOf(group, this.#phase)];
    this.#partsAsking += parts.length;
    for (const { extents } of parts) this.#buffers.begin(extents);
    await Promise.all(parts.map((part) => this.#refine(part)));
  }

  async #refine(part: Part): Promise<void> {
    await this.#parts.acquire(1);
    const blocks = await this.#differingBlocks(part);
    this.#partsAsking--;
    this.#leaveWhenReady();
    const narrowing =
      part.unreadable.length === 0 ? this.#narrow(blocks, 1) : this.#narrowAround(part.unreadable, blocks);
    // What this has begun keeps the buffers open as long as they need it.
    this.#buffers.end(part.extents);
    await narrowing;
    this.#parts.release(1);
  }

  async #differingBlocks({ extents, ours, theirs }: Part): Promise<Extent[]> {
    const { geometry, hasher } = this.#phase;
    const blockBytes = blockBytesOf(geometry);
    const isBufferOneBlock = geometry.bufferBytes <= blockBytes && this.#check === undefined;
    const answer = isBufferOneBlock ? Buffer.concat(theirs) : await this.#theirs.ask(extents, blockBytes);
    this.#check?.answered(extents, answer);
    return differingExtents(extents, {
      stepBytes: blockBytes,
      digestBytes: hasher.digestBytes,
      source: Buffer.concat(ours),
      target: answer,
    });
  }

  /**
   * Finds what differs in blocks of which a part can't be read. The digest of such a block says nothing about the rest of
   * it, so the rest is compared once more, at the finest level.
   */
  #narrowAround(unreadable: readonly Extent[], blocks: readonly Extent[]): Promise<void> {
    return this.#narrowTo(this.#phase.geometry.stepsBytes.length - 1, without(blocks, unreadable));
  }

  /** Refines what differs at the level above, down to the chunk, and passes on the rest. */
  async #narrow(extents: readonly Extent[], level: number): Promise<void> {
    const { geometry, plan } = this.#phase;
    const stepBytes = geometry.stepsBytes[level];
    const goesOn = stepBytes !== undefined && (plan.chunkBytes !== null || this.#gain.isWorthwhile());
    await (goesOn ? this.#narrowTo(level, extents) : this.#handOn(extents));
  }

  async #narrowTo(level: number, extents: readonly Extent[]): Promise<void> {
    const { stepsBytes } = this.#phase.geometry;
    const stepBytes = stepsBytes[level]!;
    const isLast = level === stepsBytes.length - 1;
    const answering = questionsOf(extents, stepBytes).map(async (question) => {
      this.#buffers.begin(question);
      const stepCount = stepCountOf(question, stepBytes);
      await this.#steps.acquire(stepCount);
      const differing = await this.#differingSteps(question, stepBytes);
      // The finest level keeps its credit until its ranges are taken: there may be one for every other step.
      const going = isLast ? this.#handOn(differing) : this.#narrow(differing, level + 1);
      this.#buffers.end(question);
      if (isLast) await going;
      this.#steps.release(stepCount);
      await going;
    });
    await Promise.all(answering);
  }

  async #differingSteps(extents: readonly Extent[], stepBytes: number): Promise<Extent[]> {
    const { device, plan, runner, hasher } = this.#phase;
    const [ours, theirs] = await Promise.all([
      runner.run({ kind: 'digest', device, hash: plan.hash, extents, stepBytes }, 'now'),
      this.#theirs.ask(extents, stepBytes),
    ]);
    // The digest of a step that was not read as a whole is useless.
    if (ours.unreadable !== undefined) {
      const readable = without(extents, ours.unreadable);
      return readable.length === 0 ? [] : this.#differingSteps(readable, stepBytes);
    }
    const differing = differingExtents(extents, {
      stepBytes,
      digestBytes: hasher.digestBytes,
      source: ours.digests,
      target: theirs,
    });
    this.#gain.observe(extents, differing);
    return differing;
  }

  async #handOn(extents: readonly Extent[]): Promise<void> {
    const pieces = [...piecesOf(extents)].map(async (piece) => {
      this.#buffers.begin(piece);
      await this.#listener.onDiffering(piece);
      this.#buffers.add(piece);
      this.#buffers.end(piece);
    });
    await Promise.all(pieces);
  }
}

/** The blocks of the buffers, in their order, in parts of `tuning.refineGroupBytes` or a single block. */
function* partsOf(group: readonly DifferingBuffer[], { geometry, hasher }: Phase): Generator<Part> {
  const blockBytes = blockBytesOf(geometry);
  const mostBytes = Math.max(1, Math.floor(tuning.refineGroupBytes / blockBytes)) * blockBytes;
  let extents: Extent[] = [];
  let ours: Uint8Array[] = [];
  let theirs: Uint8Array[] = [];
  let unreadable: Extent[] = [];
  let partBytes = 0;
  for (const buffer of group) {
    let position = 0;
    for (const extent of cut(bufferExtentOf(geometry, buffer.ours.index), mostBytes)) {
      if (partBytes > 0 && partBytes + extent.lengthBytes > mostBytes) {
        yield { extents, ours, theirs, unreadable };
        [extents, ours, theirs, unreadable, partBytes] = [[], [], [], [], 0];
      }
      partBytes += extent.lengthBytes;
      const end = position + stepCountOf([extent], blockBytes) * hasher.digestBytes;
      extents.push(extent);
      ours.push(buffer.ours.blocks.subarray(position, end));
      theirs.push(buffer.theirs);
      unreadable.push(...within(buffer.ours.unreadable, extent));
      position = end;
    }
  }
  if (extents.length > 0) yield { extents, ours, theirs, unreadable };
}

/** The ranges in their order, in pieces of about one data frame. */
function* piecesOf(extents: readonly Extent[]): Generator<Extent[]> {
  let piece: Extent[] = [];
  let pieceBytes = 0;
  for (const extent of extents) {
    piece.push(extent);
    pieceBytes += extent.lengthBytes;
    if (piece.length < bounds.dataFrameExtents && pieceBytes < bounds.dataFrameBytes) continue;
    yield piece;
    [piece, pieceBytes] = [[], 0];
  }
  if (piece.length > 0) yield piece;
}
