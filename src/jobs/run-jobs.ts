import { monotonicMs } from '../clock.ts';
import { BasynError, runEnded } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { ExtentFact, RunSignal } from '../report.ts';
import { checkOptions } from '../options/check.ts';
import { namedFilesOf } from '../options/named-files.ts';
import { type NamedFile, requireSeparateFiles } from '../separate-files.ts';
import { JobDevices } from './targets.ts';
import type { Job } from './job.ts';
import type { JobEvent, JobResult, JobsReport } from './report.ts';
import { runJob, type JobRun } from './run-job.ts';
import { Schedule } from './schedule.ts';

export interface JobsOptions {
  /** The number of jobs that may run at the same time. Default 1. */
  readonly parallel?: number | undefined;
  /** The number of them that may use a host, by its name in the options of the jobs. Left out, only `parallel` limits it. */
  readonly parallelByHost?: ReadonlyMap<string, number> | undefined;
  /** Run jobs at the same time although they share a disk of this machine. */
  readonly shareDisks?: boolean | undefined;
  readonly onEvent?: ((event: JobEvent) => void) | undefined;
  /** Takes what is found out about each range of a job's source, as the option of a single run does. */
  readonly onExtent?: ((job: string, fact: ExtentFact) => void) | undefined;
  readonly debug?: boolean | undefined;
  /** Adds to the error of a job what its user should know. Left out: the error stays as the run has thrown it. */
  readonly explain?: ((job: string, error: BasynError) => BasynError) | undefined;
  /** Ends all jobs that run, and begins no further one. */
  readonly signal?: RunSignal | undefined;
}

/**
 * Runs jobs, in their order where limits and disks allow no other one first. A job that fails does not stop the others.
 *
 * @throws {BasynError} `usage`, before anything has run, where two jobs write to one target, or one writes to the source of
 *   another.
 */
export async function runJobs(jobs: readonly Job[], options: JobsOptions, run: JobRun): Promise<JobsReport> {
  const startedMs = monotonicMs();
  const devices = requireSeparate(jobs);
  const schedule = new Schedule(
    jobs.map((job) => ({ host: job.options.host, disks: devices.disksOf(job) })),
    {
      parallel: options.parallel ?? 1,
      parallelOn: (host) => options.parallelByHost?.get(host) ?? Infinity,
      disks: options.shareDisks === true ? 'shared' : 'exclusive',
    },
  );
  const patience = givenUp(options.signal);
  const results = new Map<number, JobResult>();
  const running = new Map<number, Promise<void>>();
  for (;;) {
    const index = schedule.start();
    if (index !== undefined) {
      const ending = runJob(jobs[index]!, { ...options, run, givenUp: patience.promise }).then((result) => {
        results.set(index, result);
        running.delete(index);
        schedule.end(index);
      });
      running.set(index, ending);
    } else if (running.size > 0) {
      await Promise.race(running.values());
    } else {
      break;
    }
  }
  patience.stop();
  const ordered = jobs.map((_, index) => results.get(index)!);
  return {
    jobs: ordered,
    elapsedMs: monotonicMs() - startedMs,
    succeeded: ordered.every(({ status }) => status === 'succeeded'),
  };
}

/**
 * Each job by itself must be valid, and have a name of its own.
 *
 * @throws {BasynError} `usage`, which names the job.
 */
export function requireValid(jobs: readonly Job[]): void {
  const names = new Set<string>();
  for (const { name, kind, options } of jobs) {
    if (names.has(name)) throw new BasynError('usage', `Two jobs have the name ${name}.`);
    names.add(name);
    try {
      checkOptions(kind, options);
    } catch (error) {
      const { code, message } = BasynError.from(error);
      throw new BasynError(code, `Job ${name}: ${message}`, {}, { cause: error });
    }
  }
}

/**
 * No two jobs may write to one target, state file or list of ranges, and none to the source or a file of another.
 *
 * @param common files that belong to no job, or to all.
 * @throws {BasynError} `usage`, which names both jobs.
 */
export function requireSeparate(jobs: readonly Job[], common: readonly NamedFile[] = []): JobDevices {
  const devices = new JobDevices(jobs);
  devices.requireSeparateTargets();
  const files = jobs.flatMap(({ name, kind, options }) =>
    namedFilesOf(kind, options).map((file) => ({ ...file, job: name })),
  );
  requireSeparateFiles([...files, ...common]);
  return devices;
}

/** Rejects when jobs go on for `bounds.giveUpAfterSignalMs` after their end was requested: a device may not answer. */
function givenUp(signal: RunSignal | undefined): {
  readonly promise: Promise<never>;
  readonly stop: () => void;
} {
  let stop = (): void => undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const wait = (): void => {
      timer = setTimeout(() => reject(runEnded()), bounds.giveUpAfterSignalMs);
    };
    signal?.addEventListener('abort', wait, { once: true });
    stop = () => {
      signal?.removeEventListener('abort', wait);
      clearTimeout(timer);
    };
  });
  // Between two jobs, nobody listens.
  promise.catch(() => undefined);
  return { promise, stop };
}
