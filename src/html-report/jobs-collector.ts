import { tuning } from '../limits.ts';
import type { Job } from '../jobs/job.ts';
import type { JobEvent } from '../jobs/report.ts';
import type { ExtentFact } from '../report.ts';
import { type Clocks, RunCollector } from './collector.ts';
import type { Ending, RunRecord } from './run-record.ts';

/** A job on the page. */
export interface JobRecord {
  readonly name: string;
  readonly run: RunRecord;
  /** Whether the record still has the maps, the speeds and what else takes memory. */
  readonly detail: 'full' | 'brief';
}

type JobEnd = Extract<JobEvent, { type: 'job-end' }>;

/** Collects what the page shows of several jobs. Only those that have failed, and the largest others, keep their details. */
export class JobsCollector {
  readonly #clocks: Clocks;
  readonly #endingOf: (end: JobEnd) => Ending;
  readonly #startedMs: number;
  readonly #originMs: number;
  readonly #jobs: ReadonlyMap<string, Job>;
  readonly #running = new Map<string, RunCollector>();
  readonly #ended = new Map<string, JobRecord>();
  #isFinished = false;
  /** The names of the jobs that have ended and keep their details. */
  readonly #detailedFailed: string[] = [];
  readonly #detailedOthers: string[] = [];

  /** @param endingOf states how a job ended in the words of the command. */
  constructor(jobs: readonly Job[], clocks: Clocks, endingOf: (end: JobEnd) => Ending) {
    this.#jobs = new Map(jobs.map((job) => [job.name, job]));
    this.#clocks = clocks;
    this.#endingOf = endingOf;
    this.#startedMs = clocks.wallMs();
    this.#originMs = clocks.monotonicMs();
  }

  event(event: JobEvent): void {
    const { job: name } = event;
    if (event.type === 'job-start') {
      this.#running.set(name, new RunCollector(this.#jobs.get(name)!, jobMapCells, this.#clocks));
    } else if (event.type === 'job-end') {
      this.#end(name, event);
    } else if (event.type !== 'hook-output') {
      this.#running.get(name)!.event(event);
    }
  }

  extent(name: string, fact: ExtentFact): void {
    this.#running.get(name)!.extent(fact);
  }

  /** All jobs have ended that were to run. */
  finished(): void {
    this.#isFinished = true;
  }

  /** Every job that has begun, in the order of the file. One that still runs has not ended. */
  record(): JobsRecord {
    const jobs = [...this.#jobs.keys()].flatMap((name): JobRecord[] => {
      const ended = this.#ended.get(name);
      if (ended !== undefined) return [ended];
      const run = this.#running.get(name)?.record({ status: 'not ended' });
      return run === undefined ? [] : [{ name, run, detail: 'full' }];
    });
    const notBegunCount = this.#isFinished ? 0 : this.#jobs.size - jobs.length;
    const elapsedMs = this.#clocks.monotonicMs() - this.#originMs;
    return { jobs, notBegunCount, startedMs: this.#startedMs, elapsedMs };
  }

  #end(name: string, event: JobEnd): void {
    const run = this.#running.get(name)!.record(this.#endingOf(event));
    this.#running.delete(name);
    this.#ended.set(name, { name, run, detail: 'full' });
    const isGood = run.ending.status === 'succeeded';
    const detailed = isGood ? this.#detailedOthers : this.#detailedFailed;
    detailed.push(name);
    if (detailed.length > (isGood ? detailedOtherJobs : detailedFailedJobs)) this.#forgetOne(detailed);
  }

  /** The smallest of these jobs loses its details. */
  #forgetOne(detailed: string[]): void {
    const sizeOfName = (name: string): number => sizeOf(this.#ended.get(name)!);
    const smallest = detailed.reduce((least, each) => (sizeOfName(each) < sizeOfName(least) ? each : least));
    detailed.splice(detailed.indexOf(smallest), 1);
    const { name, run } = this.#ended.get(smallest)!;
    const nothing = { items: [], omittedCount: 0 };
    const brief = {
      ...run,
      phases: [],
      samples: [],
      stalls: nothing,
      reconnects: nothing,
      warnings: nothing,
    };
    this.#ended.set(name, { name, run: brief, detail: 'brief' });
  }
}

/** All jobs, as the page shows them. */
export interface JobsRecord {
  readonly jobs: readonly JobRecord[];
  readonly notBegunCount: number;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  readonly elapsedMs: number;
}

const { jobMapCells, detailedFailedJobs, detailedOtherJobs } = tuning.htmlReport;

export function sizeOf({ run: { source } }: JobRecord): number {
  return source?.sizeBytes ?? 0;
}
