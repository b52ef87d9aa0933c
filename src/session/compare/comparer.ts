import type { Extent } from '../../digest/extent.ts';
import { bufferCountOf } from '../../digest/geometry.ts';
import { BasynError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Channel } from '../../link/channel.ts';
import type { AnswerMessage, DigestsMessage } from '../../protocol/messages.ts';
import { Asker } from './asker.ts';
import { Findings, type FindingsByBuffer } from './findings.ts';
import { aheadBuffersOf, type Phase, type ProgressListener } from '../phase.ts';
import { Refiner, type DifferingBuffer } from './refiner.ts';
import { Survey, type SurveyedBuffer } from './survey.ts';
import type { TaskGroup } from '../task-group.ts';

/**
 * The source's half of the comparison. Both sides survey their device; the target's digests arrive here. A
 * buffer whose digests are equal is settled. Any other is handed to the {@link Refiner}, while all others go on.
 */
export class Comparer {
  readonly #findings = new Findings();
  readonly #settled: Promise<void>;
  readonly #phase: Phase;
  readonly #channel: Channel;
  readonly #asker: Asker;
  readonly #survey: Survey;
  readonly #refiner: Refiner;
  readonly #bufferCount: number;

  readonly #ours = new Map<number, SurveyedBuffer>();
  readonly #theirs = new Map<number, Uint8Array>();
  /** Buffers settled out of order, with what was found in them. */
  readonly #found = new Map<number, Findings>();
  #doneBuffers = 0;
  #announcedBuffers = 0;
  #onProgress: ProgressListener | undefined;
  #finish!: () => void;

  /**
   * Begins to read at once.
   *
   * @param onDiffering is told what differs, some of it at a time, in any order; a buffer is settled only when its
   *   promises have resolved, so it can hold the comparison back.
   */
  constructor(
    phase: Phase,
    channel: Channel,
    tasks: TaskGroup,
    onDiffering: (extents: readonly Extent[]) => Promise<void>,
  ) {
    this.#phase = phase;
    this.#channel = channel;
    this.#asker = new Asker(channel, phase.hasher.digestBytes);
    this.#refiner = new Refiner(phase, this.#asker, tasks, {
      onDiffering,
      onRefined: (buffers, found) => this.#refined(buffers, found),
    });
    this.#survey = new Survey(phase, aheadBuffersOf(phase.plan), tasks);
    this.#bufferCount = bufferCountOf(phase.geometry);
    this.#settled = new Promise((resolve) => {
      this.#finish = resolve;
    });
    if (this.#bufferCount === 0) this.#finish();
    tasks.spawn(this.#survey.run((batch) => batch.forEach((buffer) => this.#surveyed(buffer))));
  }

  /** Resolves when every buffer is settled. */
  async run(onProgress: ProgressListener): Promise<Findings> {
    this.#onProgress = onProgress;
    await this.#settled;
    return this.#findings;
  }

  /** The target's digests of whole buffers. */
  digests({ firstBuffer, digests }: DigestsMessage): void {
    const { digestBytes } = this.#phase.hasher;
    const count = digests.byteLength / digestBytes;
    const end = firstBuffer + count;
    const isAllowed =
      Number.isInteger(count) &&
      firstBuffer >= this.#doneBuffers &&
      end <= Math.min(this.#bufferCount, this.#doneBuffers + this.#phase.plan.windowBuffers);
    if (!isAllowed) throw new BasynError('protocol', 'The other side sent digests outside the window.');
    for (let index = firstBuffer; index < end; index++) {
      if (this.#theirs.has(index) || this.#found.has(index)) {
        throw new BasynError('protocol', `The other side sent the digest of buffer ${index} twice.`);
      }
      const start = (index - firstBuffer) * digestBytes;
      this.#theirs.set(index, digests.subarray(start, start + digestBytes));
      this.#compare(index);
    }
  }

  answer(message: AnswerMessage): void {
    this.#asker.answer(message);
  }

  #surveyed(buffer: SurveyedBuffer): void {
    this.#ours.set(buffer.index, buffer);
    this.#compare(buffer.index);
  }

  #compare(index: number): void {
    const ours = this.#ours.get(index);
    const theirs = this.#theirs.get(index);
    if (ours === undefined || theirs === undefined) return;
    this.#ours.delete(index);
    if (Buffer.compare(ours.digest, theirs) === 0) this.#settle(index, nothing);
    else this.#refiner.add({ ours, theirs });
  }

  #refined(buffers: readonly DifferingBuffer[], found: FindingsByBuffer): void {
    for (const { ours } of buffers) this.#settle(ours.index, found.inBuffer(ours.index) ?? nothing);
  }

  #settle(index: number, found: Findings): void {
    this.#found.set(index, found);
    for (;;) {
      const next = this.#found.get(this.#doneBuffers);
      if (next === undefined) break;
      this.#found.delete(this.#doneBuffers);
      this.#theirs.delete(this.#doneBuffers);
      this.#findings.append(next);
      this.#doneBuffers++;
    }
    this.#announce();
  }

  /** Not after every buffer: some steps per window keep the target as busy. */
  #announce(): void {
    const isLast = this.#doneBuffers === this.#bufferCount;
    const { windowBuffers, bufferBytes } = this.#phase.plan;
    const step = Math.max(
      1,
      Math.min(Math.floor(windowBuffers / 8), Math.floor(limits.advanceBytes / bufferBytes)),
    );
    if (!isLast && this.#doneBuffers < this.#announcedBuffers + step) return;
    if (this.#announcedBuffers === this.#doneBuffers) return;
    this.#announcedBuffers = this.#doneBuffers;
    this.#survey.advance(this.#doneBuffers);
    this.#channel.send({ type: 'advance', doneBuffers: this.#doneBuffers });
    this.#onProgress?.(
      Math.min(this.#doneBuffers * this.#phase.geometry.bufferBytes, this.#phase.geometry.sizeBytes),
    );
    if (isLast) this.#finish();
  }
}

/** Found in a buffer that is equal. */
const nothing = new Findings();
