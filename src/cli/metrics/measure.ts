import type { LastResult } from '../../jobs/last-results.ts';
import type { JobResult, ReportOfJob } from '../../jobs/report.ts';
import type { Task } from '../../options/task.ts';
import type { PhaseReport } from '../../report.ts';
import type { JobIdentity } from './exposition.ts';
import type { JobMeasures } from './families.ts';

export type Ended = Pick<JobResult, 'status' | 'report' | 'attempts' | 'startedMs' | 'elapsedMs'>;

/** The kind of a job, as its label says it. */
export function kindOf({ kind }: Task): JobIdentity['kind'] {
  return kind === 'sync' ? 'transfer' : kind;
}

/**
 * What is measured of a run that has ended.
 *
 * @param lastSuccessMs of an earlier run. 0: never.
 */
export function measuresOf(ended: Ended, { kind, options }: Task, lastSuccessMs: number): JobMeasures {
  const { status, report, attempts, startedMs, elapsedMs } = ended;
  const succeeded = status === 'succeeded';
  // As in the results that are kept, so that the two can be compared.
  const lastRunMs = Math.round(startedMs + elapsedMs);
  return {
    success: succeeded ? 1 : 0,
    lastSuccessMs: succeeded ? lastRunMs : lastSuccessMs,
    lastRunMs,
    durationMs: Math.round(elapsedMs),
    attempts,
    ...(report !== undefined && bytesOf(report, kind, options.host)),
  };
}

/** What the results that are kept say about a job, where no metrics do. */
export function measuresOfLast(last: LastResult | undefined): JobMeasures {
  return {
    success: last?.status === 'succeeded' ? 1 : 0,
    lastSuccessMs: last?.succeededMs ?? 0,
    lastRunMs: last?.endedMs ?? 0,
  };
}

function bytesOf(report: ReportOfJob, kind: Task['kind'], host: string | undefined): Partial<JobMeasures> {
  if (!('phases' in report)) return {};
  const { phases, traffic } = report;
  const sum = (of: (phase: PhaseReport) => number): number =>
    phases.reduce((total, phase) => total + of(phase), 0);
  return {
    // Making a state file compares nothing. A recheck after a transfer finds what went wrong, not what had changed.
    ...(kind !== 'record' && phases[0] !== undefined && { differingBytes: phases[0].differingBytes }),
    writtenBytes: sum(({ writtenBytes }) => writtenBytes),
    sourceReadBytes: sum(sourceReadBytesOf),
    targetReadBytes: sum(targetReadBytesOf),
    // On one machine, there is no traffic.
    ...(host !== undefined && {
      sentBytes: traffic.transmittedBytes,
      receivedBytes: traffic.receivedBytes,
    }),
  };
}

/** Where a phase did not count what it read, it read all but the holes. */
function sourceReadBytesOf(phase: PhaseReport): number {
  const { sizeBytes, examinedBytes = sizeBytes, sourceReads, sourceHoleBytes, sourceReadBytes } = phase;
  return sourceReadBytes ?? (sourceReads === 'none' ? 0 : examinedBytes - sourceHoleBytes);
}

function targetReadBytesOf(phase: PhaseReport): number {
  const { sizeBytes, examinedBytes = sizeBytes, targetReads, targetHoleBytes, targetReadBytes } = phase;
  return targetReadBytes ?? (targetReads === 'none' ? 0 : examinedBytes - targetHoleBytes);
}
