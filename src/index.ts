import type { Job } from './jobs/job.ts';
import type { JobsReport } from './jobs/report.ts';
import type { JobsOptions } from './jobs/run-jobs.ts';
import type { InspectOptions, RecheckOptions, RecordOptions, SyncOptions } from './options/types.ts';
import type { DeviceReport, RecordReport, RunReport } from './report.ts';
import { performInspect, performRecheck, performRecord, performSync } from './tasks/perform.ts';

export {
  BasynError,
  exitCodeOf,
  type ErrorCode,
  type ErrorRecord,
  type Remedy,
  type Side,
} from './errors.ts';
export { hashNames, type HashName } from './digest/hash-names.ts';
export type { Extent } from './digest/extent.ts';
export type { Job, JobHooks } from './jobs/job.ts';
export type { JobEvent, JobResult, JobsReport, ReportOfJob } from './jobs/report.ts';
export type { JobsOptions } from './jobs/run-jobs.ts';
export type * from './options/types.ts';
export type * from './report.ts';

/**
 * Makes one device equal to the other, and rechecks it where that is asked for. Resolves when the receiving
 * side has confirmed that every byte is on the disk; what was started for the run has ended then.
 *
 * A recheck that finds a difference is no rejection: the report says `matches: false`.
 *
 * @throws {BasynError} whatever kept it from that; the receiving device may have been changed, unless the code
 *   is `usage` or `refused`.
 */
export async function sync(options: SyncOptions): Promise<RunReport> {
  return performSync(options, undefined);
}

/**
 * Compares two devices, past the page cache where the storage allows it. Neither is written to.
 *
 * @throws {BasynError} where they can't be compared to the end. A difference is no rejection, see {@link sync}.
 */
export async function recheck(options: RecheckOptions): Promise<RunReport> {
  return performRecheck(options, undefined);
}

/**
 * Makes a state file from the source alone, for a target that was filled with the same bytes in another way. The first run
 * with a target compares a sample of it, and binds the file to it.
 *
 * @throws {BasynError} where the source cannot be read completely, or was written to meanwhile; `refused`, where the file
 *   belongs to a target already.
 */
export async function record(options: RecordOptions): Promise<RecordReport> {
  return performRecord(options, undefined);
}

/**
 * Opens both devices for reading and says what they are.
 *
 * @throws {BasynError} where one of them is missing or can't be read.
 */
export async function inspect(options: InspectOptions): Promise<Record<'local' | 'remote', DeviceReport>> {
  return performInspect(options, undefined);
}

/**
 * Runs jobs: as many at the same time as the limits allow, and never two that share a disk of this machine, unless
 * `shareDisks` is set. A job that fails does not stop the others.
 *
 * @throws {BasynError} `usage`, before anything is opened, where a job is invalid, two have one name, one target or one state
 *   file, or one writes to the source of another.
 */
export async function runJobs(jobs: readonly Job[], options: JobsOptions = {}): Promise<JobsReport> {
  const { performJobs } = await import('./tasks/perform-jobs.ts');
  return performJobs(jobs, options);
}
