import type { Restriction } from '../agent/restriction.ts';
import type { Job } from '../jobs/job.ts';
import type { JobsReport } from '../jobs/report.ts';
import type { JobsOptions } from '../jobs/run-jobs.ts';
import type { InspectOptions, RecheckOptions, RecordOptions, SyncOptions } from '../options/types.ts';
import type { RecordReport, RunReport } from '../report.ts';
import type { Streams } from './output.ts';
import type { Devices } from './reporter.ts';
import type { ReporterEnvironment } from './reporters.ts';

/** What the command needs of the library. */
export interface Library {
  sync(options: SyncOptions): Promise<RunReport>;
  recheck(options: RecheckOptions): Promise<RunReport>;
  record(options: RecordOptions): Promise<RecordReport>;
  inspect(options: InspectOptions): Promise<Devices>;
  runJobs(jobs: readonly Job[], options: JobsOptions): Promise<JobsReport>;
}

/** The world around the command. */
export interface Environment extends Streams, ReporterEnvironment {
  readonly library: Library;
  /** Serves one conversation with a client of a restricted key, and ends the process with it. */
  readonly serve: (restriction: Restriction) => Promise<never>;
  /** Aborted by a signal; the reason is an error that names it. */
  readonly interruption: AbortSignal;
  /** Rejects with an error that nobody caught, or when a run is given up that doesn't end. */
  readonly crash: Promise<never>;
  /** Rejects with an error that nobody caught. */
  readonly uncaught: Promise<never>;
}

export type ExitCode = 0 | 1 | 2;
