import { resolve } from 'node:path';
import { monotonicMs } from '../../clock.ts';
import { BasynError } from '../../errors.ts';
import type { Job } from '../../jobs/job.ts';
import type { LastResult } from '../../jobs/last-results.ts';
import type { JobResult } from '../../jobs/report.ts';
import { tuning } from '../../limits.ts';
import { isDryRun } from '../../options/written-side.ts';
import { isSameJob, type JobMetrics } from './exposition.ts';
import type { JobMeasures } from './families.ts';
import { kindOf, measuresOf, measuresOfLast } from './measure.ts';
import { MetricsFile, otherOwner } from './metrics-file.ts';

/** What is known of a file of jobs before they run. */
export interface KnownJobs {
  /** `-`: stdin. */
  readonly path: string;
  /** All of them. Some may not run this time. */
  readonly jobs: readonly Job[];
  readonly lastOf: (job: Job) => LastResult | undefined;
}

/** The metrics of all jobs of a file. Those of a job that does not run this time stay as they are. */
export class JobsMetrics {
  readonly #file: MetricsFile;
  readonly #jobs: ReadonlyMap<string, Job>;
  readonly #metrics: Map<string, JobMetrics>;
  #writtenAtMs = monotonicMs();

  /** @throws {BasynError} `usage`, where the file of metrics can't be used, or a job is a dry run. */
  constructor(metricsPath: string, { path, jobs, lastOf }: KnownJobs) {
    const dryRun = jobs.find(({ options }) => isDryRun(options));
    if (dryRun !== undefined) throw dryRunProblem(dryRun.name);
    const name = path === '-' ? 'stdin' : resolve(path);
    this.#file = new MetricsFile(metricsPath);
    const other = this.#file.previous.find(({ file }) => file !== name);
    if (other !== undefined) throw otherOwner(metricsPath, other);
    this.#jobs = new Map(jobs.map((job) => [job.name, job]));
    this.#metrics = new Map(
      jobs.map((job) => {
        const identity = { file: name, name: job.name, kind: kindOf(job) };
        const previous = this.#file.previous.find((known) => isSameJob(known, identity))?.measures;
        return [job.name, { ...identity, measures: latestOf(previous, lastOf(job)) }];
      }),
    );
  }

  /** Takes the result of a job. Now and then, the file is written before all jobs have ended. */
  add(result: JobResult): void {
    const earlier = this.#metrics.get(result.name)!;
    const measures = measuresOf(result, this.#jobs.get(result.name)!, earlier.measures.lastSuccessMs);
    this.#metrics.set(result.name, { ...earlier, measures });
    if (monotonicMs() - this.#writtenAtMs < tuning.metricsIntervalMs) return;
    try {
      this.write();
    } catch {
      // It is tried again, and reported at the end at the latest.
    }
  }

  /** @throws {BasynError} `device`, where the file can't be written. */
  write(): void {
    this.#writtenAtMs = monotonicMs();
    this.#file.write([...this.#metrics.values()]);
  }
}

/** The kept results are newer where a run had no metrics, and older where their directory is another one. */
function latestOf(previous: JobMeasures | undefined, last: LastResult | undefined): JobMeasures {
  const kept = measuresOfLast(last);
  if (previous === undefined) return kept;
  const latest = kept.lastRunMs > previous.lastRunMs ? kept : previous;
  return { ...latest, lastSuccessMs: Math.max(kept.lastSuccessMs, previous.lastSuccessMs) };
}

function dryRunProblem(name: string): BasynError {
  return new BasynError(
    'usage',
    `Job ${name} is a dry run, which changes nothing: metrics would report it as a success.`,
  );
}
