import {
  checkLength,
  commonHoles,
  flush,
  holeBytesIn,
  holesIn,
  type DeviceHandle,
} from '../device/device.ts';
import { cut, joinNeighbours, type Extent } from '../digest/extent.ts';
import { bufferExtentOf, type Geometry } from '../digest/geometry.ts';
import { bounds, tuning } from '../limits.ts';
import type { PhaseName, PhaseCounts } from '../report.ts';
import { Findings } from '../session/compare/findings.ts';
import {
  examinedBytesBefore,
  rangesOf,
  wholeDevice,
  withoutRanges,
  type Coverage,
} from '../session/coverage.ts';
import { needsHolesOfTarget, withHoles, type MappedDevice } from '../session/device-holes.ts';
import type { FactListener } from '../session/extent-facts.ts';
import { diskOf, type RunDevice } from '../session/devices.ts';
import type { Order } from '../session/order.ts';
import type { PhaseSelector } from '../session/selection.ts';
import type { RunReporter } from '../session/run-reporter.ts';
import { copyBatches } from '../session/transfer/copy-batches.ts';
import { TargetZeros } from '../session/transfer/target-zeros.ts';
import type { Trace } from '../trace.ts';
import { SkippingRunner, unreadablePartsOf } from '../session/read-errors.ts';
import type { JobRunner, SameHostJob } from '../workers/jobs.ts';
import { jobBytesOf } from '../workers/job-bytes.ts';
import { UnreadableRanges } from '../workers/unreadable.ts';

/** What a run needs whose devices are both on this host. */
export interface SameHostRun {
  readonly order: Order;
  /** Starts the runner, once the size of the work is known. */
  readonly startRunner: (sizeBytes: number) => Promise<JobRunner<SameHostJob>>;
  readonly reporter: RunReporter;
  /** Undefined where no trace was asked for. */
  readonly trace: Trace | undefined;
  /** Counts what is written to the target: a run without a link has no other traffic. */
  readonly onWritten: (lengthBytes: number) => void;
  /** Undefined where every phase examines everything. */
  readonly select?: PhaseSelector | undefined;
}

/** What a phase does. */
export interface SameHostWork {
  readonly name: PhaseName;
  readonly geometry: Geometry;
  /** Left out: everything is examined. A copy needs everything. */
  readonly coverage?: Coverage | undefined;
  /** Whether nothing is written. */
  readonly dryRun: boolean;
  /** Takes the number of examined bytes that are done. */
  readonly onProgress: (doneBytes: number) => void;
  /** Takes what is found out about ranges. Undefined where nobody asked. */
  readonly facts?: FactListener | undefined;
}

/** One phase of a run whose devices are both on this host. */
export class SameHostPhase {
  readonly #run: SameHostRun;
  readonly #name: PhaseName;
  readonly #geometry: Geometry;
  readonly #coverage: Coverage;
  readonly #dryRun: boolean;
  #runner: JobRunner<SameHostJob>;
  readonly #reportDone: (doneBytes: number) => void;
  readonly #facts: FactListener | undefined;
  readonly #findings = new Findings();
  #doneBytes = 0;

  constructor(
    run: SameHostRun,
    runner: JobRunner<SameHostJob>,
    { name, geometry, coverage = wholeDevice(geometry), dryRun, onProgress, facts }: SameHostWork,
  ) {
    this.#run = run;
    this.#name = name;
    this.#geometry = geometry;
    this.#coverage = coverage;
    this.#dryRun = dryRun;
    this.#runner = runner;
    this.#reportDone = onProgress;
    this.#facts = facts;
  }

  async run(openedSource: RunDevice, openedTarget: RunDevice): Promise<PhaseCounts> {
    const {
      order: { readErrors },
      reporter,
    } = this.#run;
    const { device: source, notes: sourceNotes } = await this.#withHoles(openedSource);
    const { device: target, notes: targetNotes } = needsHolesOfTarget(this.#name, openedTarget.zeros)
      ? await this.#withHoles(openedTarget)
      : { device: openedTarget, notes: [] };
    reporter.note([...sourceNotes, ...targetNotes]);
    const unreadable = readErrors === 'skip' ? new UnreadableRanges(source.handle) : undefined;
    const facts = this.#facts;
    if (unreadable !== undefined) {
      const onUnreadable = (range: Extent): void => {
        reporter.unreadable(this.#name, range);
        facts?.('unreadable', [range]);
      };
      this.#runner = new SkippingRunner(this.#runner, unreadable, onUnreadable);
    }
    const zeros = new TargetZeros({ target: target.handle, disk: diskOf(target), runner: this.#runner });
    const isRead = this.#name !== 'copy' || !this.#dryRun;
    if (isRead && facts !== undefined) {
      facts('zero', [...holesIn(source.handle.holes, rangesOf(this.#coverage, this.#geometry, Infinity))]);
    }
    try {
      await this.#transfer(source, target, zeros);
    } finally {
      await zeros.close();
    }
    await target.cacheRelease?.end();
    reporter.note(zeros.notes);
    checkLength(source.handle);
    checkLength(target.handle);
    // Also where nothing was written: data that was found equal has to be durable as well.
    if (this.#name !== 'recheck' && !this.#dryRun) {
      reporter.flushing(target.handle.side);
      reporter.clock.stages.flush.begin(1);
      await flush(target.handle);
      reporter.clock.stages.flush.end(1);
    }
    const holeBytesOf = ({ handle }: RunDevice): number =>
      holeBytesIn(handle.holes, rangesOf(this.#coverage, this.#geometry, Infinity));
    return {
      ...this.#findings.differences(),
      writtenBytes: zeros.total.writtenBytes,
      releasedBytes: zeros.total.releasedBytes,
      sourceHoleBytes: this.#name === 'copy' && this.#dryRun ? 0 : holeBytesOf(source),
      ...unreadablePartsOf(unreadable),
      targetHoleBytes: this.#name === 'copy' ? 0 : holeBytesOf(target),
    };
  }

  async #transfer(source: RunDevice, target: RunDevice, zeros: TargetZeros): Promise<void> {
    switch (this.#name) {
      case 'copy':
        return this.#copy(source, target, zeros);
      case 'sync':
        return this.#compare(source.surveyView, target.diskView, this.#dryRun ? undefined : target, zeros);
      case 'recheck':
        return this.#compare(source.diskView, target.diskView, undefined, zeros);
    }
  }

  #withHoles(device: RunDevice): Promise<MappedDevice> {
    return withHoles(device, () => this.#run.reporter.flushing(device.handle.side));
  }

  async #copy(
    { sendView: source, cacheRelease: sourceRelease }: RunDevice,
    { handle: target, zeros, cacheRelease: targetRelease }: RunDevice,
    targetZeros: TargetZeros,
  ): Promise<void> {
    const ranges = [...rangesOf(this.#coverage, this.#geometry, Infinity)];
    this.#findings.add(ranges);
    this.#facts?.('differing', ranges);
    if (this.#dryRun) return;
    const limits = { dataBytes: jobBytesOf(source), zeroBytes: bounds.zeroFrameBytes };
    await this.#inOrder(
      copyBatches(ranges, source.holes, limits),
      async ({ isHole, extents, lengthBytes }) => {
        if (isHole && zeros === 'skip') return () => this.#written(0, lengthBytes);
        const job = isHole
          ? ({ kind: 'zero', target, extents, zeros } as const)
          : ({ kind: 'copy', source, target, extents, zeros } as const);
        const writtenBytes = await targetZeros.settle(await this.#runner.run(job, 'now'));
        await targetRelease?.passed(writtenBytes);
        if (!isHole && source.access === 'buffered') await sourceRelease?.passed(lengthBytes);
        return () => this.#written(writtenBytes, lengthBytes);
      },
    );
  }

  /** @param repaired where to write the differing ranges: the target itself, through the page cache. */
  async #compare(
    source: DeviceHandle,
    target: DeviceHandle,
    repaired: RunDevice | undefined,
    targetZeros: TargetZeros,
  ): Promise<void> {
    const { handle: repair, zeros = 'write', cacheRelease } = repaired ?? {};
    const stepBytes = this.#geometry.stepsBytes.at(-1)!;
    // Where both have a hole, both are zero.
    const coverage = withoutRanges(this.#coverage, this.#geometry, commonHoles(source.holes, target.holes));
    await this.#inOrder(batchesOf(coverage, this.#geometry, stepBytes, jobBytesOf(source)), async (batch) => {
      // Small buffers share a read.
      const extents = joinNeighbours(batch, stepBytes);
      const job = { kind: 'compare', source, target, extents, stepBytes, repair, zeros } as const;
      const result = await this.#runner.run(job, 'now');
      const writtenBytes = await targetZeros.settle(result);
      await cacheRelease?.passed(writtenBytes);
      return () => {
        this.#findings.add(result.differing);
        this.#facts?.('differing', result.differing);
        const { offsetBytes, lengthBytes } = extents.at(-1)!;
        const endBytes = offsetBytes + lengthBytes;
        const doneBytes = examinedBytesBefore(this.#coverage, this.#geometry, endBytes);
        this.#written(writtenBytes, doneBytes - this.#doneBytes);
      };
    });
    this.#reportDone(examinedBytesBefore(this.#coverage, this.#geometry, this.#geometry.sizeBytes));
  }

  /** Works on a few items at once, and applies their outcomes in order. */
  async #inOrder<T>(items: Iterable<T>, work: (item: T) => Promise<() => void>): Promise<void> {
    const underWay: Promise<() => void>[] = [];
    for (const item of items) {
      const outcome = work(item);
      // Of several failures, the first in order ends the run. The others must not count as unhandled rejections.
      outcome.catch(() => undefined);
      underWay.push(outcome);
      if (underWay.length > this.#runner.parallelism * tuning.jobsPerThread) (await underWay.shift()!)();
    }
    for (const outcome of underWay) (await outcome)();
  }

  #written(writtenBytes: number, doneBytes: number): void {
    this.#doneBytes += doneBytes;
    this.#run.onWritten(writtenBytes);
    this.#reportDone(this.#doneBytes);
  }
}

/** Buffers, or whole steps of large ones, in batches of the size of a job. */
function* batchesOf(
  coverage: Coverage,
  geometry: Geometry,
  stepBytes: number,
  jobBytes: number,
): Generator<Extent[]> {
  const partBytes = Math.max(1, Math.floor(jobBytes / stepBytes)) * stepBytes;
  let batch: Extent[] = [];
  let batchBytes = 0;
  for (let position = 0; position < coverage.bufferCount; position++) {
    for (const part of cut(bufferExtentOf(geometry, coverage.indexAt(position)), partBytes)) {
      batch.push(part);
      batchBytes += part.lengthBytes;
      if (batchBytes < jobBytes) continue;
      yield batch;
      batch = [];
      batchBytes = 0;
    }
  }
  if (batch.length > 0) yield batch;
}
