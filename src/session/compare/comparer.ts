import type { Extent } from '../../digest/extent.ts';
import { bufferCountOf } from '../../digest/geometry.ts';
import { assert } from '../../errors.ts';
import { tuning } from '../../limits.ts';
import { jobBytesOf } from '../../workers/job-bytes.ts';
import type { Settled } from '../settled.ts';
import type { Coverage } from '../coverage.ts';
import { FactBatch } from '../extent-facts.ts';
import { examinedBytesBelow, type Phase } from '../phase.ts';
import { aheadBuffersOf } from '../window.ts';
import type { TaskGroup } from '../task-group.ts';
import type { DigestSource } from './digest-source.ts';
import { Findings } from './findings.ts';
import { Refiner, type DifferingBuffer, type RefinerListener } from './refiner.ts';
import { Survey, type SurveyedBuffer } from './survey.ts';
import { WholeBuffers } from './whole-buffers.ts';

/**
 * Takes the number of examined bytes whose comparison is over, and how many of them differ. Neither ever decreases.
 */
export type SettledListener = (settledBytes: number, differingBytes: number) => void;

export interface ComparerOptions {
  readonly phase: Phase;
  readonly theirs: DigestSource;
  readonly tasks: TaskGroup;
  /**
   * Takes what differs, some of it at a time, in any order. A buffer is settled only when its promises have resolved, so
   * it can hold the comparison back.
   */
  readonly onDiffering: (extents: readonly Extent[]) => Promise<void>;
  /** Takes each buffer before it is settled. All of what differs in it has been taken. */
  readonly onCompared?: (buffer: SurveyedBuffer, result: 'equal' | 'differing') => void;
}

/** Finds what differs in buffers that differ. */
interface Narrowing {
  add(buffer: DifferingBuffer): void;
  readonly mistakes: number;
}

/**
 * The source's half of the comparison. The source surveys its device; the target's digests are delivered here. A buffer
 * whose digests are equal is settled. Any other is handed to the {@link Refiner}, while all others go on.
 */
export class Comparer {
  readonly #findings = new Findings();
  readonly #settled: Promise<void>;
  readonly #phase: Phase;
  readonly #coverage: Coverage;
  readonly #digestSource: DigestSource;
  readonly #survey: Survey;
  readonly #narrowing: Narrowing;
  readonly #onCompared: ComparerOptions['onCompared'];

  readonly #ours = new Map<number, SurveyedBuffer>();
  readonly #theirs = new Map<number, Uint8Array>();
  /** Ours of buffers that differ, until all that differs in them is reported. */
  readonly #differing = new Map<number, SurveyedBuffer>();
  /** Buffers settled out of order, with what was found in them. */
  readonly #found = new Map<number, Findings>();
  /** Examined buffers that are settled, without a gap. */
  #donePosition = 0;
  #announcedPosition = 0;
  /** What differs in buffers that are settled, for whoever asked for ranges. */
  readonly #differingFacts: FactBatch | undefined;
  #onSettled: SettledListener | undefined;
  #finish!: () => void;

  /** Begins to read at once. */
  constructor({ phase, theirs, tasks, onDiffering, onCompared }: ComparerOptions) {
    this.#phase = phase;
    this.#coverage = phase.coverage;
    this.#digestSource = theirs;
    this.#onCompared = onCompared;
    this.#differingFacts = phase.facts && new FactBatch('differing', phase.facts);
    const listener: RefinerListener = {
      onDiffering,
      onRefined: (index, found) => this.#refined(index, found),
    };
    this.#narrowing =
      phase.plan.phase === 'copy'
        ? new WholeBuffers(phase, tasks, listener)
        : new Refiner(phase, theirs, tasks, listener);
    this.#survey = new Survey({
      phase,
      coverage: phase.coverage,
      windowBuffers: aheadBuffersOf(phase.plan),
      tasks,
    });
    this.#settled = new Promise((resolve) => {
      this.#finish = resolve;
    });
    if (this.#coverage.bufferCount === 0) this.#finish();
    tasks.spawn(this.#survey.run((batch) => batch.forEach((buffer) => this.#surveyed(buffer))));
  }

  /** Resolves when every buffer is settled. */
  async run(onSettled: SettledListener): Promise<Findings> {
    this.#onSettled = onSettled;
    await this.#settled;
    return this.#findings;
  }

  /** Buffers of the target that were not what a state file says. */
  get mistakes(): number {
    return this.#narrowing.mistakes;
  }

  /** What is settled now, without a gap. */
  settled(): Settled {
    this.#differingFacts?.flush();
    return { doneBuffers: this.#doneBuffers(), found: this.#findings.found() };
  }

  /** The target's digest of a whole buffer. */
  deliver(index: number, digest: Uint8Array): void {
    this.#theirs.set(index, digest);
    this.#compare(index);
  }

  #surveyed(buffer: SurveyedBuffer): void {
    this.#ours.set(buffer.index, buffer);
    this.#compare(buffer.index);
  }

  #compare(index: number): void {
    const ours = this.#ours.get(index);
    if (ours === undefined) return;
    const theirs = this.#theirs.get(index) ?? this.#digestSource.known(index);
    if (theirs === undefined) return;
    this.#ours.delete(index);
    this.#theirs.delete(index);
    if (Buffer.compare(ours.digest, theirs) === 0) {
      this.#onCompared?.(ours, 'equal');
      this.#settle(index, nothing);
    } else {
      this.#differing.set(index, ours);
      this.#narrowing.add({ ours, theirs });
    }
  }

  #refined(index: number, found: Findings): void {
    const ours = this.#differing.get(index);
    assert(ours !== undefined, `buffer ${index} was refined and does not differ`);
    this.#differing.delete(index);
    this.#onCompared?.(ours, 'differing');
    this.#settle(index, found);
  }

  #settle(index: number, found: Findings): void {
    this.#found.set(index, found);
    while (this.#donePosition < this.#coverage.bufferCount) {
      const nextIndex = this.#coverage.indexAt(this.#donePosition);
      const next = this.#found.get(nextIndex);
      if (next === undefined) break;
      this.#found.delete(nextIndex);
      this.#findings.append(next);
      if (this.#differingFacts !== undefined) {
        for (const range of next.differingRanges) this.#differingFacts.add(range);
      }
      this.#donePosition++;
    }
    this.#announce();
  }

  /** Not after every buffer: some steps per window keep the target as busy. */
  #announce(): void {
    const { bufferCount } = this.#coverage;
    const isLast = this.#donePosition === bufferCount;
    const { windowBuffers, bufferBytes } = this.#phase.plan;
    const advanceBytes = Math.min(tuning.advanceBytes, jobBytesOf(this.#phase.device));
    const step = Math.max(
      1,
      Math.min(Math.floor(windowBuffers / tuning.advancesPerWindow), Math.floor(advanceBytes / bufferBytes)),
    );
    if (!isLast && this.#donePosition < this.#announcedPosition + step) return;
    if (this.#announcedPosition === this.#donePosition) return;
    this.#announcedPosition = this.#donePosition;
    this.#survey.advance(this.#donePosition);
    this.#differingFacts?.flush();
    const doneBuffers = this.#doneBuffers();
    const { differingBytes } = this.#findings;
    this.#digestSource.advance(doneBuffers, differingBytes);
    this.#onSettled?.(examinedBytesBelow(this.#phase, doneBuffers), differingBytes);
    if (isLast) this.#finish();
  }

  #doneBuffers(): number {
    const isLast = this.#donePosition === this.#coverage.bufferCount;
    return isLast ? bufferCountOf(this.#phase.geometry) : this.#coverage.indexAt(this.#donePosition);
  }
}

/** Found in a buffer that is equal. */
const nothing = new Findings();
