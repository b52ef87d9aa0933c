import { holeBytesIn, type DeviceHandle } from '../device/device.ts';
import { totalBytes, type Extent } from '../digest/extent.ts';
import type { PhaseCounts } from '../report.ts';
import type { Job, JobRunner, ResultOf, Urgency } from '../workers/jobs.ts';
import type { Role } from './order.ts';
import type { Phase } from './phase.ts';

/** Counts the bytes that the jobs of a phase read of the device of their side. */
export class CountingRunner implements JobRunner {
  readonly #runner: JobRunner;
  #readBytes = 0;

  constructor(runner: JobRunner) {
    this.#runner = runner;
  }

  /** Without those in holes, which are not read. */
  get readBytes(): number {
    return this.#readBytes;
  }

  get parallelism(): number {
    return this.#runner.parallelism;
  }

  get isBusy(): boolean {
    return this.#runner.isBusy;
  }

  run<J extends Job>(job: J, urgency: Urgency): Promise<ResultOf<J>> {
    if (job.kind === 'digest' || job.kind === 'read') this.#count(job.device, job.extents);
    return this.#runner.run(job, urgency);
  }

  close(): Promise<void> {
    return this.#runner.close();
  }

  #count({ holes }: DeviceHandle, extents: readonly Extent[]): void {
    this.#readBytes += totalBytes(extents) - (holes === undefined ? 0 : holeBytesIn(holes, extents));
  }
}

/** What both sides have read, where the report says so. */
export function readCountsOf(
  { readBytes }: Pick<Phase, 'readBytes'>,
  role: Role,
  { readBytes: peerBytes = 0 }: { readonly readBytes?: number },
): Pick<PhaseCounts, 'sourceReadBytes' | 'targetReadBytes'> {
  if (readBytes === undefined) return {};
  const ownBytes = readBytes();
  return role === 'source'
    ? { sourceReadBytes: ownBytes, targetReadBytes: peerBytes }
    : { sourceReadBytes: peerBytes, targetReadBytes: ownBytes };
}
