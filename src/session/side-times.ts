import type { Side } from '../errors.ts';
import type { JobRunner, RunnerTimes } from '../workers/jobs.ts';
import type { StageTimes } from './stage-times.ts';

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

/**
 * @param loopMs for how long the main thread was busy.
 * @returns undefined where the times of the threads are not known.
 */
export function sideTimesOf(
  runner: Pick<JobRunner, 'times' | 'parallelism'>,
  side: Side,
  { exchange, data, flush }: StageTimes,
  loopMs: number,
): SideTimes | undefined {
  const { times } = runner;
  if (times?.isKnown !== true) return undefined;
  return {
    diskMs: diskMsOf(times, side) + flush.ms,
    processorMs: Math.max(loopMs, processorMsOf(times, runner.parallelism)),
    exchangeMs: exchange.ms,
    dataMs: data.ms,
  };
}

/** A disk is one stage: the part of the time with jobs in which they were blocked by it. */
export function diskMsOf({ activeMs, jobMs, blockedMs }: RunnerTimes, side: Side): number {
  return jobMs === 0 ? 0 : (activeMs * blockedMs[side]) / jobMs;
}

/** The processors are as many stages as there are threads. */
export function processorMsOf({ jobMs, blockedMs }: RunnerTimes, parallelism: number): number {
  return Math.max(0, jobMs - blockedMs.local - blockedMs.remote) / parallelism;
}
