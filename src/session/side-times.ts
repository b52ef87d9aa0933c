import type { Side } from '../errors.ts';
import { LoopTime } from '../loop-time.ts';
import type { JobRunner } from '../workers/jobs.ts';
import { timesSince, type RunnerTimes } from '../workers/job-meter.ts';
import { StageTimes } from './stage-times.ts';

/** What one side has measured in an attempt. It crosses the wire. */
export interface SideTimes {
  /** For how long reads, writes and flushes of its device were what its threads waited for. */
  readonly diskMs: number;
  /** For how long its processors were busy: all those that the threads may use, or that of the main thread. */
  readonly processorMs: number;
  /** See {@link StageTimes}. */
  readonly exchangeMs: number;
  readonly dataMs: number;
}

/** Measures one side from its construction on: an attempt. The runner may have worked for earlier runs. */
export class SideMeter {
  readonly stages: StageTimes;
  readonly #runner: Pick<JobRunner, 'times' | 'parallelism'>;
  readonly #side: Side;
  readonly #before: RunnerTimes | undefined;
  readonly #loopTime = new LoopTime();

  constructor(runner: Pick<JobRunner, 'times' | 'parallelism'>, side: Side, stages = new StageTimes()) {
    this.stages = stages;
    this.#runner = runner;
    this.#side = side;
    this.#before = runner.times;
  }

  /** Undefined where the times of the threads are not known. */
  get times(): SideTimes | undefined {
    const { times, parallelism } = this.#runner;
    if (times === undefined || this.#before === undefined) return undefined;
    const since = timesSince(this.#before, times);
    if (since.unknownJobs > 0) return undefined;
    const { exchange, data, flush } = this.stages;
    return {
      diskMs: diskMsOf(since, this.#side) + flush.ms,
      processorMs: Math.max(this.#loopTime.activeMs, processorMsOf(since, parallelism)),
      exchangeMs: exchange.ms,
      dataMs: data.ms,
    };
  }
}

/** A disk is one stage: the part of the time with jobs in which they were blocked by it. */
export function diskMsOf({ activeMs, jobMs, blockedMs }: RunnerTimes, side: Side): number {
  return jobMs === 0 ? 0 : (activeMs * blockedMs[side]) / jobMs;
}

/** The processors are as many stages as there are threads. */
export function processorMsOf({ jobMs, blockedMs }: RunnerTimes, parallelism: number): number {
  return Math.max(0, jobMs - blockedMs.local - blockedMs.remote) / parallelism;
}
