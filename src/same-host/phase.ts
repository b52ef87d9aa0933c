import { flush, type DeviceHandle } from '../device/device.ts';
import { cut, joinNeighbours, totalBytes, type Extent } from '../digest/extent.ts';
import { bufferExtentOf, geometryOf, type Geometry } from '../digest/geometry.ts';
import { tuning } from '../limits.ts';
import type { PhaseName, PhaseCounts } from '../report.ts';
import { Findings } from '../session/compare/findings.ts';
import { rangesOf, wholeDevice, type Coverage } from '../session/coverage.ts';
import type { RunDevice } from '../session/devices.ts';
import type { Order } from '../session/order.ts';
import { chunkBytesOf } from '../session/phase.ts';
import type { RunReporter } from '../session/run-reporter.ts';
import type { Trace } from '../trace.ts';
import type { JobRunner, SameHostJob } from '../workers/jobs.ts';

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
}

/** One phase of a run whose devices are both on this host. */
export class SameHostPhase {
  readonly #run: SameHostRun;
  readonly #name: PhaseName;
  readonly #geometry: Geometry;
  readonly #coverage: Coverage;
  readonly #runner: JobRunner<SameHostJob>;
  readonly #onProgress: (doneBytes: number) => void;
  readonly #findings = new Findings();
  #writtenBytes = 0;
  #doneBytes = 0;

  constructor(
    run: SameHostRun,
    name: PhaseName,
    sizeBytes: number,
    runner: JobRunner<SameHostJob>,
    onProgress: (doneBytes: number) => void,
  ) {
    this.#run = run;
    this.#name = name;
    const { bufferBytes, chunkBytes } = run.order;
    this.#geometry = geometryOf(sizeBytes, bufferBytes, chunkBytesOf(bufferBytes, chunkBytes));
    this.#coverage = wholeDevice(this.#geometry);
    this.#runner = runner;
    this.#onProgress = onProgress;
  }

  async run(source: RunDevice, target: RunDevice): Promise<PhaseCounts> {
    const {
      order: { dryRun },
      reporter,
    } = this.#run;
    switch (this.#name) {
      case 'copy':
        await this.#copy(source, target);
        break;
      case 'sync':
        await this.#compare(source.surveyView, target.diskView, dryRun ? undefined : target.handle);
        break;
      case 'recheck':
        await this.#compare(source.diskView, target.diskView, undefined);
        break;
    }
    // Also where nothing was written: data that was found equal has to be durable as well.
    if (this.#name !== 'recheck' && !dryRun) {
      reporter.flushing(target.handle.side);
      await flush(target.handle);
    }
    return { ...this.#findings.differences(), writtenBytes: this.#writtenBytes };
  }

  async #copy({ handle: source }: RunDevice, { handle: target, created }: RunDevice): Promise<void> {
    const zeros = created ? 'skip' : 'write';
    const { dryRun } = this.#run.order;
    const mostBytes = dryRun ? Infinity : tuning.jobBytes;
    await this.#inOrder(rangesOf(this.#coverage, this.#geometry, mostBytes), async (extent) => {
      if (dryRun) return () => this.#findings.add([extent]);
      const { writtenBytes } = await this.#runner.run({ kind: 'copy', source, target, extent, zeros }, 'now');
      return () => {
        this.#findings.add([extent]);
        this.#written(writtenBytes, extent.lengthBytes);
      };
    });
  }

  /** @param repair where to write the differing ranges: the target itself, through the page cache. */
  async #compare(
    source: DeviceHandle,
    target: DeviceHandle,
    repair: DeviceHandle | undefined,
  ): Promise<void> {
    const stepBytes = this.#geometry.stepsBytes.at(-1)!;
    await this.#inOrder(batchesOf(this.#coverage, this.#geometry, stepBytes), async (batch) => {
      // Small buffers share a read.
      const extents = joinNeighbours(batch, stepBytes);
      const job = { kind: 'compare', source, target, extents, stepBytes, repair } as const;
      const { differing } = await this.#runner.run(job, 'now');
      return () => {
        this.#findings.add(differing);
        this.#written(repair === undefined ? 0 : totalBytes(differing), totalBytes(extents));
      };
    });
  }

  /** Works on a few items at once, and applies their outcomes in order. */
  async #inOrder<T>(items: Iterable<T>, work: (item: T) => Promise<() => void>): Promise<void> {
    const underWay: Promise<() => void>[] = [];
    for (const item of items) {
      const outcome = work(item);
      // Of several failures, the first in order ends the run. The others must not count as unhandled rejections.
      outcome.catch(() => undefined);
      underWay.push(outcome);
      if (underWay.length > this.#runner.parallelism * 2) (await underWay.shift()!)();
    }
    for (const outcome of underWay) (await outcome)();
  }

  #written(writtenBytes: number, doneBytes: number): void {
    this.#writtenBytes += writtenBytes;
    this.#doneBytes += doneBytes;
    this.#run.onWritten(writtenBytes);
    this.#onProgress(this.#doneBytes);
  }
}

/** Buffers, or whole steps of large ones, in batches of the size of a job. */
function* batchesOf(coverage: Coverage, geometry: Geometry, stepBytes: number): Generator<Extent[]> {
  const partBytes = Math.max(1, Math.floor(tuning.jobBytes / stepBytes)) * stepBytes;
  let batch: Extent[] = [];
  let batchBytes = 0;
  for (let position = 0; position < coverage.bufferCount; position++) {
    for (const part of cut(bufferExtentOf(geometry, coverage.indexAt(position)), partBytes)) {
      batch.push(part);
      batchBytes += part.lengthBytes;
      if (batchBytes < tuning.jobBytes) continue;
      yield batch;
      batch = [];
      batchBytes = 0;
    }
  }
  if (batch.length > 0) yield batch;
}
