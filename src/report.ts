import type { Extent } from './digest/extent.ts';
import type { Side } from './errors.ts';

/** What a run does with the two devices. Phases follow one another. */
export type PhaseName = 'copy' | 'sync' | 'recheck';

/** `record`: the only phase of a run that makes a state file from the source alone. */
export type ReportedPhase = PhaseName | 'record';

/** One of the two devices, as it was opened. */
export interface DeviceReport {
  readonly side: Side;
  readonly path: string;
  readonly kind: 'block device' | 'regular file';
  readonly sizeBytes: number;
}

/** Where the bytes of a device came from in a phase: from the disk itself, or through the page cache. */
export type ReadPath = 'direct' | 'cached' | 'none';

/**
 * What was found out about a range of the source in a phase. All that a phase covers and that no fact names is equal, and was
 * compared.
 *
 * - `differing`: it differs, at the granularity of the comparison. For `copy`: what is sent, or would be in a dry run.
 * - `zero`: a hole of the source, which was not read, or zeros that were sent without data. Such a range may differ as well.
 * - `not read`: it counts as equal, and neither device was read there: a list of changes or a state file leaves it out.
 * - `unreadable`: it can't be read of the source, and was left as it is on the target. Of a remote source, the first
 *   `bounds.reportedUnreadableRanges`, at the end of the phase.
 *
 * Facts come between the events `phase-start` and `phase-end` of their phase, and are complete at the latter. No fact voids an
 * earlier one. After an event `attempt`, or where a phase begins once more, a range may be reported again, and in other parts.
 * What an earlier attempt has found to differ counts although a later one finds it equal: it was written meanwhile.
 *
 * `differing` and `not read` have ascending offsets and do not overlap, from the beginning of the phase or of an attempt on.
 * Neighbours are not always joined. The other kinds come in any order. The phase `record` has no facts.
 */
export interface ExtentFact extends Extent {
  readonly phase: ReportedPhase;
  readonly kind: ExtentKind;
}

export type ExtentKind = 'differing' | 'zero' | 'not read' | 'unreadable';

export type ExtentListener = (fact: ExtentFact) => void;

/** What one phase did. All counts are exact. */
export interface PhaseReport extends PhaseCounts {
  readonly phase: ReportedPhase;
  /** Bytes of the source that the phase covered. */
  readonly sizeBytes: number;
  /** Bytes of them that were examined. The others count as equal. Left out where everything was examined. */
  readonly examinedBytes?: number;
  /** Left out without a list of changes. */
  readonly changeList?: ChangeListReport;
  readonly sourceReads: ReadPath;
  readonly targetReads: ReadPath;
  readonly elapsedMs: number;
}

/** How a list of changes was used in a phase. */
export interface ChangeListReport {
  /** Bytes of the buffers that the list names. */
  readonly listedBytes: number;
  /** Bytes outside the list that were compared before the phase, in random places. */
  readonly sampledBytes: number;
  /** Where a difference was found outside the list. The list was rejected, and everything was examined. */
  readonly rejectedAtBytes?: number;
}

/** What was found and written in a phase. */
export interface PhaseCounts extends Differences, UnreadableParts {
  /**
   * Bytes written to the target, and confirmed by it as flushed. Without zeros that did not have to be written. 0 for
   * `recheck` and in a dry run.
   */
  readonly writtenBytes: number;
  /** Zeros whose space the target has released: punched out of a file, or discarded. */
  readonly releasedBytes: number;
  /** Bytes in holes of the source that did not have to be read. */
  readonly sourceHoleBytes: number;
  /** The same of the target. */
  readonly targetHoleBytes: number;
  /** Bytes that were read of each device, where a state file or a list of changes decides about that. Else left out. */
  readonly sourceReadBytes?: number;
  readonly targetReadBytes?: number;
}

/** What could not be read of the source, and was left as it is on the target. All of it is missing if all could be read. */
export interface UnreadableParts {
  readonly unreadableBytes?: number;
  /** The first of these ranges, joined where they touch; at most `bounds.reportedUnreadableRanges`. */
  readonly unreadableRanges?: readonly Extent[];
  /** Number of these ranges in all. */
  readonly unreadableRangeCount?: number;
}

/** What was found to differ. */
export interface Differences {
  /** Bytes found to differ, at the granularity of the comparison. For `copy`: everything. */
  readonly differingBytes: number;
  /** The first differing ranges, joined where they touch; at most `bounds.reportedRanges`. For `copy`: one, the whole. */
  readonly differingRanges: readonly Extent[];
  /** Number of differing ranges in all. */
  readonly differingRangeCount: number;
}

/** Bytes counted at the pipe to ssh. In a run on one host, the bytes written to the target. */
export interface Traffic {
  readonly receivedBytes: number;
  readonly transmittedBytes: number;
}

/** What is sent to a host without node. */
export interface RuntimeReport {
  /** "node 20.20.2". */
  readonly name: string;
  /** Unpacked. */
  readonly sizeBytes: number;
  /**
   * Where it is on the host until it runs: in a file system in memory, or on a disk. `kept`: in the cache of the user, for the
   * next run. `found`: the same, from an earlier run, so that nothing is sent.
   */
  readonly storage: 'memory' | 'disk' | 'kept' | 'found';
  readonly path: string;
}

/** A failed attempt that was followed by another one. */
export interface Interruption {
  /** Why the attempt failed. */
  readonly reason: string;
  /** The duration of the attempt, and the wait after it. */
  readonly elapsedMs: number;
  readonly waitMs: number;
  /**
   * Device bytes that the attempt has sent and that no later attempt could rely on: they were not confirmed as flushed. They
   * are sent again, unless a SYNC finds that they have arrived.
   */
  readonly lostBytes: number;
}

/** What the state file of a run was worth. */
export interface StateFileReport {
  readonly path: string;
  /** Buffers of the target that the file described, so that they were not read, and buffers in all. */
  readonly knownBuffers: number;
  readonly bufferCount: number;
  /** Why the file was not used. Left out where it was. */
  readonly reason?: string;
}

/**
 * Where the time of a run went, all attempts together. The first four do not overlap. What remains of the run is waits between
 * attempts, and the end of the connection.
 */
export interface RunTimes {
  /** Until a phase begins: ssh, the start of the agent, and the examination of the devices. */
  readonly connectingMs: number;
  /** In a SYNC and a recheck, while no data was under way. On one host, a SYNC writes while it compares. */
  readonly comparingMs: number;
  /**
   * In a copy, and in a SYNC while the source had read data that the target had not written. Left out where none was sent. Of a
   * remote source, only the last attempt counts.
   */
  readonly sendingMs?: number;
  /** In phases, after the last write: until the target was flushed. */
  readonly flushingMs: number;
  /** Left out where it is not known: the kernel does not count the times of threads, or the user limits the reads. */
  readonly waitingMs?: WaitingTimes;
}

/**
 * How long each part of a run kept the others waiting, in milliseconds. All parts work at the same time, so that these times
 * overlap. Of an attempt that failed, what the remote host had measured is missing.
 */
export interface WaitingTimes {
  /** Threads were blocked by reads, writes and flushes of the local device. In a run on one host: the device named local. */
  readonly localDisk: number;
  readonly remoteDisk: number;
  /** Data or a question was under way, and the receiver had nothing to work on. ssh is a part of the link. 0 on one host. */
  readonly link: number;
  /** The processors were busy with this run, or with other programs while it was ready to go on. The slower host counts. */
  readonly processor: number;
}

/**
 * What limited a run: for most of its time, the others waited for it. Left out where nothing dominates, and where the run is
 * too short to tell.
 */
export interface Bottleneck {
  /** `start`: to connect, and to open the devices. */
  readonly limitedBy: 'start' | 'local disk' | 'remote disk' | 'link' | 'processor';
  /** Of which host, if it is the processor. */
  readonly side?: Side;
  /** For how long. */
  readonly limitedMs: number;
  /** The duration of the run. */
  readonly ofMs: number;
}

export interface RunReport {
  readonly source: DeviceReport;
  readonly target: DeviceReport;
  /** Nothing was written. The phases report what would have been written. */
  readonly dryRun: boolean;
  readonly phases: readonly PhaseReport[];
  readonly traffic: Traffic;
  readonly elapsedMs: number;
  readonly times?: RunTimes;
  readonly bottleneck?: Bottleneck;
  /** Left out in a run without a state file. */
  readonly stateFile?: StateFileReport;
  /** The attempts before the one that succeeded. Left out where the first one did. */
  readonly interruptions?: readonly Interruption[];
  /** False where the sizes alone make the devices differ: see `matches`. */
  readonly sizesMatch: boolean;
  /** False only where a recheck found a difference, in the data or in the sizes, or where a part could not be read. */
  readonly matches: boolean;
}

/** What was done to make a state file from the source alone. */
export interface RecordReport extends Pick<
  RunReport,
  'source' | 'phases' | 'traffic' | 'elapsedMs' | 'interruptions'
> {
  readonly stateFile: StateFileReport;
}

/** The events of a run. The command prints them as JSON lines. */
export type RunEvent =
  /** `target` is left out where a state file is made from the source alone. */
  | { readonly type: 'start'; readonly source: DeviceReport; readonly target?: DeviceReport }
  | {
      readonly type: 'phase-start';
      readonly phase: ReportedPhase;
      readonly sizeBytes: number;
      /** As in the report of the phase. */
      readonly examinedBytes?: number;
    }
  | {
      readonly type: 'progress';
      readonly phase: ReportedPhase;
      /** Examined bytes of the source that are done, and of how many. */
      readonly doneBytes: number;
      readonly sizeBytes: number;
      /** Since the run's start, both directions; see {@link Traffic}. */
      readonly traffic: Traffic;
      /** Since the phase's start. */
      readonly elapsedMs: number;
    }
  /** Both devices are open, and the state file was examined. */
  | ({ readonly type: 'state-file' } & StateFileReport)
  /** The host has no node. One is sent there, or an earlier run has kept one there. */
  | ({ readonly type: 'runtime-start' } & RuntimeReport)
  /** How far it has been sent. */
  | {
      readonly type: 'runtime-progress';
      readonly doneBytes: number;
      readonly sizeBytes: number;
      /** Packed bytes. */
      readonly sentBytes: number;
      readonly elapsedMs: number;
    }
  /** It was sent, and runs. */
  | {
      readonly type: 'runtime-end';
      readonly name: string;
      readonly sizeBytes: number;
      readonly sentBytes: number;
      readonly elapsedMs: number;
    }
  /** The target is being flushed, which may take as long as all of its writes. Without a phase: before the first one. */
  | { readonly type: 'flushing'; readonly side: Side; readonly phase?: ReportedPhase }
  | ({ readonly type: 'phase-end' } & PhaseReport)
  /** The link has failed, and another attempt follows. The progress continues at `fromBytes`, which may be less than before. */
  | {
      readonly type: 'attempt';
      /** The number of the attempt that follows: at least 2. */
      readonly attempt: number;
      /** Why the last one failed. */
      readonly reason: string;
      readonly waitMs: number;
      /** Where it continues. Left out where no phase has begun. */
      readonly phase?: ReportedPhase;
      readonly fromBytes?: number;
    }
  /** A range of the source that can't be read. The first `bounds.reportedUnreadableRanges` of a phase are reported. */
  | ({ readonly type: 'unreadable'; readonly phase: ReportedPhase } & Extent)
  | { readonly type: 'warning'; readonly message: string }
  /** What could not be examined before the run: no reason to stop it. */
  | { readonly type: 'note'; readonly message: string }
  /** A line of the remote side's stderr, not yet made safe for a terminal. */
  | { readonly type: 'remote-stderr'; readonly line: string }
  | { readonly type: 'debug'; readonly message: string };

export type EventListener = (event: RunEvent) => void;

/** What a run uses of an `AbortSignal`. The type needs no declarations of node or of a browser. */
export interface RunSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
