import type { CompressionSetting, Encoded, Encoding } from '../codec/encoding.ts';
import type { DeviceHandle } from '../device/handle.ts';
import type { WriteOutcome, ZeroPolicy } from '../device/zeros.ts';
import type { Extent } from '../digest/extent.ts';
import type { HashName } from '../digest/hash-names.ts';
import type { RunnerTimes } from './job-meter.ts';

/** A job that reads from a source. */
export interface SourceJob {
  /**
   * `skip`: a range of the source that can't be read is left out, and returned. Left out: the first such range fails the
   * job.
   */
  readonly readErrors?: 'skip';
}
export interface SourceResult {
  /** The ranges that were left out, in ascending order. Missing: everything was read. */
  readonly unreadable?: readonly Extent[];
}

/** Computes the digest of each step of the extents. The digests are concatenated in order. */
export interface DigestJob extends SourceJob {
  readonly kind: 'digest';
  readonly device: DeviceHandle;
  readonly hash: HashName;
  readonly extents: readonly Extent[];
  readonly stepBytes: number;
}
export interface DigestResult extends SourceResult {
  /** That of a step that was not read as a whole is the digest with zeros in place of what is missing. */
  readonly digests: Uint8Array;
}

/**
 * Reads the extents into `memory`, which has their total length, and encodes them for a data frame. The frame contains the
 * extents without what was left out.
 */
export interface ReadJob extends SourceJob {
  readonly kind: 'read';
  readonly device: DeviceHandle;
  readonly extents: readonly Extent[];
  readonly setting: CompressionSetting;
  readonly memory: Uint8Array;
}
export interface ReadResult extends Encoded, SourceResult {
  /** Digest of the extents and of the bytes that were read. */
  readonly digest: Uint8Array;
  /** The memory of the job. The payload may be in it. */
  readonly memory: Uint8Array;
  /** Time that the encoding took. */
  readonly encodeMs: number;
}

/** Decodes a data frame, verifies its digest, and writes it to its extents. */
export interface WriteJob {
  readonly kind: 'write';
  readonly device: DeviceHandle;
  readonly extents: readonly Extent[];
  readonly encoding: Encoding;
  readonly digest: Uint8Array;
  readonly payload: Uint8Array;
  readonly zeros: ZeroPolicy;
}
export interface WriteResult extends WriteOutcome {
  /** The payload of the job. */
  readonly payload: Uint8Array;
}

/** Compares the bytes of ranges of two devices on this host. */
export interface CompareJob extends SourceJob {
  readonly kind: 'compare';
  readonly source: DeviceHandle;
  readonly target: DeviceHandle;
  readonly extents: readonly Extent[];
  readonly stepBytes: number;
  /** Where differing steps are written: the target, through the page cache. Undefined: nothing is written. */
  readonly repair: DeviceHandle | undefined;
  readonly zeros: ZeroPolicy;
}
export interface CompareResult extends WriteOutcome, SourceResult {
  readonly differing: readonly Extent[];
}

/** Copies ranges between two devices on this host. */
export interface CopyJob extends SourceJob {
  readonly kind: 'copy';
  readonly source: DeviceHandle;
  readonly target: DeviceHandle;
  readonly extents: readonly Extent[];
  readonly zeros: ZeroPolicy;
}
export interface CopyResult extends WriteOutcome, SourceResult {}

/** Makes ranges of a device on this host zero. */
export interface ZeroJob {
  readonly kind: 'zero';
  readonly target: DeviceHandle;
  readonly extents: readonly Extent[];
  readonly zeros: ZeroPolicy;
}

/** The jobs of a run with both devices on this host. */
export type SameHostJob = CompareJob | CopyJob | ZeroJob;
export type Job = DigestJob | ReadJob | WriteJob | SameHostJob;

export interface JobResults {
  digest: DigestResult;
  read: ReadResult;
  write: WriteResult;
  compare: CompareResult;
  copy: CopyResult;
  zero: CopyResult;
}
export type ResultOf<J extends Job> = JobResults[J['kind']];

/** The memory that is transferred to a thread with a job, and returned with its result. No other code may use it meanwhile. */
export function memoryOf(job: Job): ArrayBuffer[] {
  const bytes = job.kind === 'read' ? job.memory : job.kind === 'write' ? job.payload : undefined;
  // An empty array may be a view of shared memory.
  if (bytes === undefined || bytes.byteLength === 0) return [];
  return bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
}

/** Runs jobs, in threads or in the calling thread. */
export interface JobRunner<Able extends Job = Job> {
  /** The number of jobs that run at the same time. */
  readonly parallelism: number;
  /** Whether a job is running or waiting. */
  readonly isBusy: boolean;
  /** What the jobs have done so far. Left out where that is not measured. */
  readonly times?: RunnerTimes;
  /**
   * @param urgency `ahead` jobs wait as long as a `now` job waits.
   * @throws {BasynError} the error of the job, or `internal` if its thread died.
   */
  run<J extends Able>(job: J, urgency: Urgency): Promise<ResultOf<J>>;
  /** Ends the threads. Rejects the jobs that are not finished. */
  close(): Promise<void>;
}
export type Urgency = 'now' | 'ahead';
