import { monotonicMs } from '../clock.ts';
import type { BasynError } from '../errors.ts';
import { type Clocks, RunCollector } from '../html-report/collector.ts';
import { JobsCollector } from '../html-report/jobs-collector.ts';
import { jobsPage } from '../html-report/jobs-page.ts';
import { pageStart, runPage } from '../html-report/page.ts';
import type { Ending } from '../html-report/run-record.ts';
import type { Job } from '../jobs/job.ts';
import type { JobEvent } from '../jobs/report.ts';
import { tuning } from '../limits.ts';
import type { Task } from '../options/task.ts';
import type { ExtentFact, RecordReport, RunEvent, RunReport } from '../report.ts';
import type { Environment } from './environment.ts';
import { ReportFile } from './report-file.ts';
import type { Devices, Reporter } from './reporter.ts';
import { statRows } from './stat.ts';

type World = Pick<Environment, 'now' | 'version'>;

/** `--report` of one run. */
export class RunPageReporter implements Reporter {
  readonly #file: ReportFile;
  readonly #world: World;
  #collector: RunCollector | undefined;
  #ending: Ending = { status: 'not ended' };

  /** @throws {BasynError} where the page could not be written at the end. */
  constructor(path: string, world: World) {
    this.#file = ReportFile.prepare(path, pageStart);
    this.#world = world;
  }

  started(task: Task): void {
    this.#collector = new RunCollector(task, tuning.htmlReport.mapCells, clocksOf(this.#world));
  }

  event(event: RunEvent): void {
    this.#collector!.event(event);
  }

  extent(fact: ExtentFact): void {
    this.#collector!.extent(fact);
  }

  finished(report: RunReport): void {
    this.#ending = {
      status: report.matches ? 'succeeded' : 'failed',
      report,
      figures: statRows(report),
    };
  }

  recorded(report: RecordReport): void {
    this.#ending = { status: 'succeeded', report, figures: statRows(report) };
  }

  found(report: Devices): void {
    this.#ending = { status: 'succeeded', report };
  }

  failed(error: BasynError): void {
    this.#ending = { status: 'failed', error };
  }

  /**
   * Writes the page. A command line that is wrong has started nothing, and leaves the last page.
   *
   * @throws {BasynError}
   */
  write(): void {
    if (this.#collector === undefined) return;
    const { version, now } = this.#world;
    this.#file.write(runPage(this.#collector.record(this.#ending), { version, writtenMs: now() }));
  }
}

/** `--report` of several jobs. */
export class JobsPageReporter {
  readonly #file: ReportFile;
  readonly #world: World;
  #collector: JobsCollector | undefined;

  /** @throws {BasynError} where the page could not be written at the end. */
  constructor(path: string, world: World) {
    this.#file = ReportFile.prepare(path, pageStart);
    this.#world = world;
  }

  started(jobs: readonly Job[]): void {
    this.#collector = new JobsCollector(jobs, clocksOf(this.#world), endingOf);
  }

  event(event: JobEvent): void {
    this.#collector!.event(event);
  }

  extent(job: string, fact: ExtentFact): void {
    this.#collector!.extent(job, fact);
  }

  finished(): void {
    this.#collector!.finished();
  }

  /**
   * Writes the page. Where no job was started, as by a second instance, the last page stays.
   *
   * @throws {BasynError}
   */
  write(): void {
    if (this.#collector === undefined) return;
    const { version, now } = this.#world;
    this.#file.write(jobsPage(this.#collector.record(), { version, writtenMs: now() }));
  }
}

function endingOf({ status, report, error }: Extract<JobEvent, { type: 'job-end' }>): Ending {
  return {
    status,
    ...(report !== undefined && { report }),
    ...(report !== undefined && 'phases' in report && { figures: statRows(report) }),
    ...(error !== undefined && { error }),
  };
}

function clocksOf({ now }: World): Clocks {
  return { wallMs: now, monotonicMs };
}
