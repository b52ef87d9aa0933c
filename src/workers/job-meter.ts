import { monotonicMs } from '../clock.ts';
import { ThreadTime } from '../device/thread-time.ts';
import type { Side } from '../errors.ts';
import type { Job } from './jobs.ts';

/** Where the time of a job went. */
export interface JobTimes {
  readonly elapsedMs: number;
  /** For which the thread was blocked by the device of each side. Undefined where that is not known. */
  readonly blockedMs: Readonly<Record<Side, number>> | undefined;
}

/** How long the current job has waited for reads and writes of each device. Jobs of a thread run one after another. */
const deviceMs: Record<Side, number> = { local: 0, remote: 0 };

/** Does work on the device of a side, in a job that uses both devices, and measures how long that takes. */
export function onDevice<T>(side: Side, work: () => T): T {
  const startMs = monotonicMs();
  const result = work();
  const add = (): void => {
    deviceMs[side] += monotonicMs() - startMs;
  };
  if (result instanceof Promise) result.then(add, add);
  else add();
  return result;
}

/** Measures the jobs of the thread in which it is made. */
export class JobMeter {
  readonly #thread = new ThreadTime();

  /** @returns a function that is called at the end of the job. */
  begin(job: Job): () => JobTimes {
    const activeMs = this.#thread.activeMs;
    const startMs = monotonicMs();
    [deviceMs.local, deviceMs.remote] = [0, 0];
    return () => {
      const elapsedMs = monotonicMs() - startMs;
      const endMs = this.#thread.activeMs;
      if (activeMs === undefined || endMs === undefined || isLimited(job)) {
        return { elapsedMs, blockedMs: undefined };
      }
      return { elapsedMs, blockedMs: divided(job, Math.max(0, elapsedMs - (endMs - activeMs))) };
    };
  }
}

/** A job waits for nothing but devices. What it reads from the page cache takes processor time. */
function divided(job: Job, blockedMs: number): Record<Side, number> {
  if ('device' in job) return { local: 0, remote: 0, [job.device.side]: blockedMs };
  const sumMs = deviceMs.local + deviceMs.remote;
  const share = sumMs === 0 ? 0 : blockedMs / sumMs;
  return { local: share * deviceMs.local, remote: share * deviceMs.remote };
}

/** It waits because the user limits the reads. */
function isLimited(job: Job): boolean {
  if ('device' in job) return job.device.readRate !== undefined;
  return job.kind !== 'zero' && job.source.readRate !== undefined;
}

/** What the jobs of a runner have done so far. */
export interface RunnerTimes {
  /** For how long at least one job was under way. */
  readonly activeMs: number;
  /** All jobs together, in threads that work at the same time. */
  readonly jobMs: number;
  readonly blockedMs: Readonly<Record<Side, number>>;
  /** The number of jobs whose times are not known. */
  readonly unknownJobs: number;
}

/** What has been added since an earlier moment. */
export function timesSince(before: RunnerTimes, now: RunnerTimes): RunnerTimes {
  return {
    activeMs: now.activeMs - before.activeMs,
    jobMs: now.jobMs - before.jobMs,
    blockedMs: {
      local: now.blockedMs.local - before.blockedMs.local,
      remote: now.blockedMs.remote - before.blockedMs.remote,
    },
    unknownJobs: now.unknownJobs - before.unknownJobs,
  };
}

/** Adds up the times of jobs. */
export class JobSum {
  #jobMs = 0;
  readonly #blockedMs = { local: 0, remote: 0 };
  #unknownJobs = 0;

  add({ elapsedMs, blockedMs }: JobTimes): void {
    this.#jobMs += elapsedMs;
    if (blockedMs === undefined) {
      this.#unknownJobs++;
      return;
    }
    this.#blockedMs.local += blockedMs.local;
    this.#blockedMs.remote += blockedMs.remote;
  }

  /** @param activeMs of the runner. */
  times(activeMs: number): RunnerTimes {
    const [jobMs, unknownJobs] = [this.#jobMs, this.#unknownJobs];
    return { activeMs, jobMs, blockedMs: { ...this.#blockedMs }, unknownJobs };
  }
}
