import { flush, type DeviceHandle } from '../device/device.ts';
import { cut, joinNeighbours, totalBytes, type Extent } from '../digest/extent.ts';
import { bufferCountOf, bufferExtentOf, geometryOf, type Geometry } from '../digest/geometry.ts';
import type { Side } from '../errors.ts';
import { limits } from '../limits.ts';
import type { JobRunner, PairJob } from '../workers/jobs.ts';
import {
  coveredBytes,
  openDevice,
  receivingOf,
  usingDevice,
  type Receiving,
  type RunDevice,
} from './devices.ts';
import { Findings } from './findings.ts';
import type { Order, Role } from './order.ts';
import { chunkBytesOf } from './phase.ts';
import type { DeviceReport, PhaseName, PhaseOutcome } from './report.ts';
import { deviceReportOf, readPathOf, type Reporter } from './reporter.ts';

/** What a run with both devices on this machine works with. */
export interface Here {
  readonly order: Order;
  /** Starts the runner, once the size of the work is known. */
  readonly startRunner: (sizeBytes: number) => Promise<JobRunner<PairJob>>;
  readonly reporter: Reporter;
  /** Counts what is written to the target: a run without a wire has no other traffic. */
  readonly onWritten: (lengthBytes: number) => void;
}

/**
 * The whole run where both devices are on this machine: threads read both sides and compare the bytes
 * themselves, which is exact, and faster than any hash.
 *
 * @throws {BasynError} the first failure on either side.
 */
export async function runHere(here: Here): Promise<void> {
  const { order, reporter } = here;
  const places = placesOf(order);
  const open = (role: Role, receiving: Receiving | null): Promise<RunDevice> => {
    const { path, side } = places[role];
    return openDevice(path, side, { phases: order.phases, receiving }, () => reporter.flushing(side));
  };
  const opened = await open('source', null);
  const runner = await here.startRunner(opened.handle.sizeBytes).catch(async (error: unknown) => {
    await opened.close();
    throw error;
  });
  await usingDevice(opened, runner, async (source) => {
    const receiving = receivingOf(order, source.handle.sizeBytes, source.identity);
    await usingDevice(await open('target', receiving), runner, async (target) => {
      reporter.warn([...source.warnings, ...target.warnings]);
      reporter.start(deviceReportOf(source.handle), deviceReportOf(target.handle), {
        source: readPathOf(source),
        target: readPathOf(target),
      });
      reporter.note([...source.notes, ...target.notes]);
      const sizeBytes = coveredBytes(order, {
        sourceBytes: source.handle.sizeBytes,
        targetBytes: target.handle.sizeBytes,
      });
      for (const name of order.phases) {
        const onProgress = reporter.phaseStart(name, sizeBytes);
        reporter.phaseEnd(await new PhaseHere(here, name, sizeBytes, runner, onProgress).run(source, target));
      }
      reporter.warn([...source.checkAtEnd(), ...target.checkAtEnd()]);
    });
  });
}

/** Opens both devices and says what they are, without reading any data. */
export async function inspectHere({ localPath, remotePath }: Order): Promise<Record<Side, DeviceReport>> {
  const reports: DeviceReport[] = [];
  for (const [path, side] of [
    [localPath, 'local'],
    [remotePath, 'remote'],
  ] as const) {
    const device = await openDevice(path, side, { phases: [], receiving: null }, () => undefined);
    reports.push(deviceReportOf(device.handle));
    await device.close();
  }
  return { local: reports[0]!, remote: reports[1]! };
}

/** One phase of a run on this machine. */
class PhaseHere {
  readonly #here: Here;
  readonly #name: PhaseName;
  readonly #sizeBytes: number;
  readonly #runner: JobRunner<PairJob>;
  readonly #onProgress: (doneBytes: number) => void;
  readonly #findings = new Findings();
  #writtenBytes = 0;
  #doneBytes = 0;

  constructor(
    here: Here,
    name: PhaseName,
    sizeBytes: number,
    runner: JobRunner<PairJob>,
    onProgress: (doneBytes: number) => void,
  ) {
    this.#here = here;
    this.#name = name;
    this.#sizeBytes = sizeBytes;
    this.#runner = runner;
    this.#onProgress = onProgress;
  }

  async run(source: RunDevice, target: RunDevice): Promise<PhaseOutcome> {
    const {
      order: { dryRun },
      reporter,
    } = this.#here;
    switch (this.#name) {
      case 'copy':
        await this.#copy(source, target);
        break;
      case 'sync':
        await this.#compare(source.handle, target.diskView, dryRun ? undefined : target.handle);
        break;
      case 'recheck':
        await this.#compare(source.diskView, target.diskView, undefined);
        break;
    }
    // Also where nothing was written: what was found equal has to be durable as well.
    if (this.#name !== 'recheck' && !dryRun) {
      reporter.flushing(target.handle.side);
      await flush(target.handle);
    }
    const { differingBytes, differingRanges, differingRangeCount } = this.#findings;
    return {
      phase: this.#name,
      sizeBytes: this.#sizeBytes,
      differingBytes,
      differingRanges,
      differingRangeCount,
      writtenBytes: this.#writtenBytes,
    };
  }

  async #copy({ handle: source }: RunDevice, { handle: target, created }: RunDevice): Promise<void> {
    if (this.#sizeBytes === 0) return;
    const whole = { offsetBytes: 0, lengthBytes: this.#sizeBytes };
    this.#findings.add([whole]);
    if (this.#here.order.dryRun) return;
    const zeros = created ? 'skip' : 'write';
    await this.#inOrder(cut(whole, limits.jobBytes), async (extent) => {
      const { writtenBytes } = await this.#runner.run({ kind: 'copy', source, target, extent, zeros }, 'now');
      return () => this.#written(writtenBytes, extent.lengthBytes);
    });
  }

  /** @param repair where to write what differs: the target itself, through the page cache. */
  async #compare(
    source: DeviceHandle,
    target: DeviceHandle,
    repair: DeviceHandle | undefined,
  ): Promise<void> {
    const { bufferBytes, chunkBytes } = this.#here.order;
    const stepBytes = chunkBytesOf(bufferBytes, chunkBytes);
    const geometry = geometryOf(this.#sizeBytes, bufferBytes, stepBytes);
    await this.#inOrder(batchesOf(geometry, stepBytes), async (batch) => {
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

  /** Starts work item by item, a few at once, and lets each one's outcome count in order. */
  async #inOrder<T>(items: Iterable<T>, work: (item: T) => Promise<() => void>): Promise<void> {
    const underWay: Promise<() => void>[] = [];
    for (const item of items) {
      const outcome = work(item);
      // Of several failures, the first in order is the run's; the others must not count as unheard.
      outcome.catch(() => undefined);
      underWay.push(outcome);
      if (underWay.length > this.#runner.parallelism * 2) (await underWay.shift()!)();
    }
    for (const outcome of underWay) (await outcome)();
  }

  #written(writtenBytes: number, doneBytes: number): void {
    this.#writtenBytes += writtenBytes;
    this.#doneBytes += doneBytes;
    this.#here.onWritten(writtenBytes);
    this.#onProgress(this.#doneBytes);
  }
}

/** Buffers, or whole steps of large ones, in batches that are worth a job. */
function* batchesOf(geometry: Geometry, stepBytes: number): Generator<Extent[]> {
  const partBytes = Math.max(1, Math.floor(limits.jobBytes / stepBytes)) * stepBytes;
  let batch: Extent[] = [];
  let batchBytes = 0;
  for (let index = 0; index < bufferCountOf(geometry); index++) {
    for (const part of cut(bufferExtentOf(geometry, index), partBytes)) {
      batch.push(part);
      batchBytes += part.lengthBytes;
      if (batchBytes < limits.jobBytes) continue;
      yield batch;
      batch = [];
      batchBytes = 0;
    }
  }
  if (batch.length > 0) yield batch;
}

interface Place {
  readonly path: string;
  readonly side: Side;
}

function placesOf({ localRole, localPath, remotePath }: Order): Record<Role, Place> {
  const local: Place = { path: localPath, side: 'local' };
  const remote: Place = { path: remotePath, side: 'remote' };
  return localRole === 'source' ? { source: local, target: remote } : { source: remote, target: local };
}
