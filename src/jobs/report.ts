import type { BasynError } from '../errors.ts';
import type { DeviceReport, RecordReport, RunEvent, RunReport } from '../report.ts';

/** What a job reports where it succeeds: that of the library's function that ran it. */
export type ReportOfJob = RunReport | RecordReport | Readonly<Record<'local' | 'remote', DeviceReport>>;

/** How a job ended. */
export interface JobResult {
  readonly name: string;
  /** `skipped`: its command `before` has failed, or the run was ended before it began. It counts as a failure. */
  readonly status: 'succeeded' | 'failed' | 'skipped';
  /** Also where a recheck found a difference, which is a failure without an error. */
  readonly report?: ReportOfJob;
  readonly error?: BasynError;
  /** The number of attempts that an interrupted link has cost: 1 if it was not interrupted, 0 if the job was skipped. */
  readonly attempts: number;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  /** With its commands. */
  readonly elapsedMs: number;
}

/** All jobs, in their order. */
export interface JobsReport {
  readonly jobs: readonly JobResult[];
  readonly elapsedMs: number;
  readonly succeeded: boolean;
}

/** The events of a run of several jobs: those of each job with its name, and its start and end. */
export type JobEvent = { readonly job: string } & (
  | RunEvent
  | { readonly type: 'job-start' }
  /** A line that a command before or after the job has printed. */
  | { readonly type: 'hook-output'; readonly line: string }
  | ({ readonly type: 'job-end' } & Omit<JobResult, 'name'>)
);
