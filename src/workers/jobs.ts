import type { CompressionSetting, Encoded, Encoding } from '../codec/encoding.ts';
import type { DeviceHandle } from '../device/handle.ts';
import type { ZeroPolicy } from '../device/zeros.ts';
import type { Extent } from '../digest/extent.ts';
import type { HashName } from '../digest/hash-names.ts';

/** Digests of every step of the extents, in order, back to back. */
export interface DigestJob {
  readonly kind: 'digest';
  readonly device: DeviceHandle;
  readonly hash: HashName;
  readonly extents: readonly Extent[];
  readonly stepBytes: number;
}
export interface DigestResult {
  readonly digests: Uint8Array;
}

/** Reads the extents into `memory`, which is as long as they are, and encodes them for a data frame. */
export interface ReadJob {
  readonly kind: 'read';
  readonly device: DeviceHandle;
  readonly extents: readonly Extent[];
  readonly setting: CompressionSetting;
  readonly memory: Uint8Array;
}
export interface ReadResult extends Encoded {
  /** Of the extents and of the bytes as they were read. */
  readonly digest: Uint8Array;
  /** The job's own. The payload may lie in it. */
  readonly memory: Uint8Array;
  /** Time that the encoding alone took. */
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
export interface WriteResult {
  /** The job's own. */
  readonly payload: Uint8Array;
}

/** Compares the bytes of ranges of two devices of this machine. */
export interface CompareJob {
  readonly kind: 'compare';
  readonly source: DeviceHandle;
  readonly target: DeviceHandle;
  readonly extents: readonly Extent[];
  readonly stepBytes: number;
  /** Where steps that differ are written: the target itself, through the page cache. Undefined: nowhere. */
  readonly repair: DeviceHandle | undefined;
}
export interface CompareResult {
  readonly differing: readonly Extent[];
}

/** Copies a range between two devices of this machine. */
export interface CopyJob {
  readonly kind: 'copy';
  readonly source: DeviceHandle;
  readonly target: DeviceHandle;
  readonly extent: Extent;
  readonly zeros: ZeroPolicy;
}
export interface CopyResult {
  readonly writtenBytes: number;
}

/** What there is to do where both devices are on this machine. */
export type SameHostJob = CompareJob | CopyJob;
export type Job = DigestJob | ReadJob | WriteJob | SameHostJob;

export interface JobResults {
  digest: DigestResult;
  read: ReadResult;
  write: WriteResult;
  compare: CompareResult;
  copy: CopyResult;
}
export type ResultOf<J extends Job> = JobResults[J['kind']];

/** The memory that goes to a thread with a job, and comes back with its result. Nobody else may use it meanwhile. */
export function memoryOf(job: Job): ArrayBuffer[] {
  const bytes = job.kind === 'read' ? job.memory : job.kind === 'write' ? job.payload : undefined;
  // What has no bytes may lie in memory that others use.
  if (bytes === undefined || bytes.byteLength === 0) return [];
  return bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
}

/** Whatever carries out jobs: threads, or the calling thread itself. */
export interface JobRunner<Able extends Job = Job> {
  /** How many jobs it works on at once. */
  readonly parallelism: number;
  /** Whether any job is under way. */
  readonly isBusy: boolean;
  /**
   * @param urgency `ahead` jobs wait until no `now` job does.
   * @throws {BasynError} what the job threw, or `internal` where its thread died.
   */
  run<J extends Able>(job: J, urgency: Urgency): Promise<ResultOf<J>>;
  /** Ends the threads. Jobs that are not done reject. */
  close(): Promise<void>;
}
export type Urgency = 'now' | 'ahead';
