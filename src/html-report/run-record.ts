import type { BasynError } from '../errors.ts';
import type { ReportOfJob } from '../jobs/report.ts';
import type { Task } from '../options/task.ts';
import type { DeviceReport, PhaseReport, ReportedPhase } from '../report.ts';
import type { MapCell } from './device-map.ts';
import type { Few } from './few.ts';
import type { RateSample } from './rate-series.ts';

/** What the page shows of one run. All times of it count from its start. */
export interface RunRecord {
  readonly task: Task;
  /** Left out where they were not opened. */
  readonly source?: DeviceReport;
  readonly target?: DeviceReport;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  readonly elapsedMs: number;
  readonly ending: Ending;
  readonly phases: readonly PhaseRecord[];
  /** What those that have ended report. */
  readonly endedPhases: readonly PhaseReport[];
  readonly samples: readonly RateSample[];
  readonly stalls: Few<Stall>;
  readonly reconnects: Few<Reconnect>;
  readonly warnings: Few<string>;
}

/** A row of the statistics. A row without a group belongs to the group before it. */
export interface Figure {
  readonly group: string;
  readonly name: string;
  readonly value: string;
}

export interface Ending {
  readonly status: 'succeeded' | 'failed' | 'skipped' | 'not ended';
  /** Also of a run that has failed because a recheck found a difference, or because a part can't be read. */
  readonly report?: ReportOfJob;
  /** With the sentence about what helps. */
  readonly error?: BasynError;
  /** The statistics of the report. */
  readonly figures?: readonly Figure[];
}

/** A phase that has begun. */
export interface PhaseRecord {
  readonly phase: ReportedPhase;
  readonly state: 'ended' | 'not ended';
  /** Of the bytes that were to be examined. */
  readonly doneBytes: number;
  readonly workBytes: number;
  /** Whether the amounts in the cells are those that the phase reports, or may be larger after a failure of the link. */
  readonly accuracy: 'exact' | 'about';
  readonly cells: readonly MapCell[];
}

/** A time without progress. */
export interface Stall {
  readonly startMs: number;
  readonly endMs: number;
  /** "sync", "flushing the remote device". */
  readonly during: string;
}

/** From the failure of an attempt to the first sign of the next one. */
export interface Reconnect {
  readonly startMs: number;
  readonly endMs: number;
  /** The number of the attempt that followed. */
  readonly attempt: number;
  readonly reason: string;
}
