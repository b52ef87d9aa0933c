import { exitCodeOf, type BasynError } from '../../errors.ts';
import { fileWording } from '../../job-file/read-options.ts';
import type { Job } from '../../jobs/job.ts';
import type { JobEvent, JobResult, JobsReport } from '../../jobs/report.ts';
import type { LineWriter } from '../output.ts';
import { Milestone } from '../interrupted-run.ts';
import { withRemedy } from '../remedies.ts';
import { together, type Reporter } from '../reporter.ts';
import { safeJson } from '../../display/safe-text.ts';
import type { JobsRequest } from './request.ts';
import { checkLines, tableLines } from './table.ts';

/** Prints the events of several jobs in one form. */
export interface JobsReporter {
  started(jobs: readonly Job[]): void;
  event(event: JobEvent): void;
  interrupted(): void;
  finished(report: JobsReport): void;
}

/** Gives the events of each job to reporters of its own, which know nothing of the others. */
export class ReportersByJob implements JobsReporter {
  readonly #reportersOf: (job: Job) => Required<Reporter>;
  readonly #onProgress: (endedCount: number, jobCount: number) => void;
  readonly #jobs = new Map<string, Job>();
  readonly #running = new Map<
    string,
    { readonly reporter: Required<Reporter>; readonly milestone: Milestone }
  >();
  #endedCount = 0;

  /** @param onProgress takes how many jobs have ended. */
  constructor(
    reportersOf: (job: Job) => Required<Reporter>,
    onProgress: (endedCount: number, jobCount: number) => void,
  ) {
    this.#reportersOf = reportersOf;
    this.#onProgress = onProgress;
  }

  started(jobs: readonly Job[]): void {
    for (const job of jobs) this.#jobs.set(job.name, job);
    this.#onProgress(0, jobs.length);
  }

  event(event: JobEvent): void {
    const { job: name } = event;
    if (event.type === 'job-start') {
      this.#start(this.#jobs.get(name)!);
    } else if (event.type === 'job-end') {
      end(this.#reporterOf(name), event);
      this.#running.delete(name);
      this.#onProgress(++this.#endedCount, this.#jobs.size);
    } else if (event.type !== 'hook-output') {
      this.#reporterOf(name).event(event);
    }
  }

  /** What became of a job, as its user should read it. */
  explain(name: string, error: BasynError, interruption: AbortSignal): BasynError {
    const { milestone } = this.#running.get(name)!;
    return interruption.aborted
      ? milestone.interruption(interruption, error)
      : milestone.failure(withRemedy(error, fileWording));
  }

  interrupted(): void {
    for (const { reporter } of this.#running.values()) reporter.interrupted();
  }

  finished(): void {
    this.#onProgress(0, 0);
  }

  #start(job: Job): void {
    const milestone = new Milestone(fileWording);
    const reporter = together([milestone, this.#reportersOf(job)]);
    this.#running.set(job.name, { reporter, milestone });
    reporter.started(job);
  }

  #reporterOf(name: string): Required<Reporter> {
    return this.#running.get(name)!.reporter;
  }
}

function end(reporter: Required<Reporter>, { report, error }: Omit<JobResult, 'name'>): void {
  if (report !== undefined) {
    if ('stateFile' in report && !('target' in report)) reporter.recorded(report);
    else if ('phases' in report && 'target' in report) reporter.finished(report);
    else if ('local' in report) reporter.found(report);
  }
  if (error !== undefined) reporter.failed(error);
}

/** Prints what all jobs have in common. */
export type WholeReporter = Pick<JobsReporter, 'event' | 'finished'>;

/** What the commands of jobs print, and the lines at the end, on stdout. */
export function summaryReporter(work: JobsRequest['work'], output: LineWriter): WholeReporter {
  const linesOf = work === 'check' ? checkLines : tableLines;
  return {
    event: (event) => {
      if (event.type === 'hook-output') output.print(`${event.job}: ${event.line}`);
    },
    finished: (report) => linesOf(report).forEach((line) => output.print(line)),
  };
}

/** `--json`: the events of the jobs, each with the name of its job, and last one object of the type `jobs`. */
export function jsonJobsReporter(output: LineWriter): WholeReporter {
  return {
    event(event) {
      if (event.type === 'remote-stderr' || event.type === 'debug') return;
      const value = event.type === 'job-end' ? { ...event, ...plainError(event) } : event;
      output.print(safeJson(value), event.type === 'progress' ? 'latest' : 'kept');
    },
    finished: ({ jobs, ...rest }) =>
      output.print(
        safeJson({
          type: 'jobs',
          ...rest,
          jobs: jobs.map((result) => ({ ...result, ...plainError(result) })),
        }),
      ),
  };
}

function plainError({ error }: Pick<JobResult, 'error'>): object {
  return error === undefined ? {} : { error: { ...error.toRecord(), exitCode: exitCodeOf(error) } };
}
