import { geometryOf, type Geometry } from '../digest/geometry.ts';
import { loadHasher, type Hasher } from '../digest/hash.ts';
import type { CacheRelease } from '../device/cache-release.ts';
import type { DeviceHandle } from '../device/handle.ts';
import type { ZeroPolicy } from '../device/zeros.ts';
import type { Plan } from '../protocol/schemas.ts';
import type { PhaseCounts } from '../report.ts';
import type { Recorder } from '../state-file/recorder.ts';
import type { Trace } from '../trace.ts';
import type { JobRunner } from '../workers/jobs.ts';
import type { UnreadableRanges } from '../workers/unreadable.ts';
import type { Selection } from './selection.ts';
import type { FactListener } from './extent-facts.ts';
import type { Durable } from './settled.ts';
import type { StageTimes } from './stage-times.ts';
import { chunkBytesOf } from './window.ts';
import { examinedBytesBefore, fromBuffer, wholeDevice, type Coverage } from './coverage.ts';

/** What a role works with in one phase. */
export interface Phase {
  readonly plan: Plan;
  readonly geometry: Geometry;
  /** What the phase examines, with what earlier attempts have done. */
  readonly examined: Coverage;
  /** What the source examines in this attempt. The target does not use it. */
  readonly coverage: Coverage;
  /** What the target surveys in this attempt. The source knows the other digests without asking for them. */
  readonly surveyed: Coverage;
  /** For digests of digests. The runner hashes the data. */
  readonly hasher: Hasher;
  /** What the role reads. */
  readonly device: DeviceHandle;
  /** The same device, usually through the page cache: what the source sends, and what the target writes. */
  readonly output: DeviceHandle;
  readonly runner: JobRunner;
  /** What could not be read of the source so far. Missing where that ends the run, and on the target. */
  readonly unreadable?: UnreadableRanges;
  /** Reads from the disk of the target itself. Undefined if that is not possible, or not needed. */
  readonly disk: DeviceHandle | undefined;
  /** Takes what passes through the page cache of {@link output}. Undefined where nothing has to be released. */
  readonly cacheRelease?: CacheRelease | undefined;
  /** How the target treats zeros in this phase. */
  readonly zeros: ZeroPolicy;
  /** Bytes in holes of {@link device}, which the phase does not read. 0 where it reads nothing. */
  readonly holeBytes: number;
  /** Bytes that this side has read so far. Undefined where everything is read anyway. */
  readonly readBytes?: (() => number) | undefined;
  /** Sentences for `--verbose` about the device of this side. */
  readonly notes: readonly string[];
  /** For decisions of the role. Undefined where no trace was asked for. */
  readonly trace: Trace | undefined;
  /** The target's contents as the local side knows them. Undefined at the agent, and in a run without a state file. */
  readonly record?: Recorder | undefined;
  /** Takes what a later attempt of the run can rely on. Undefined at the agent, and where there is no later attempt. */
  readonly resumption?: Resumption | undefined;
  /** Takes what is found out about ranges. Undefined where nobody asked. */
  readonly facts?: FactListener | undefined;
  /** Undefined where nothing is measured. */
  readonly times?: StageTimes | undefined;
}

/** The listener of a phase that may be interrupted. */
export interface Resumption {
  /** A checkpoint is complete: what was settled when it was announced is on the disk. */
  onDurable(durable: Durable): void;
  /** Device bytes have been sent, or have arrived. */
  onMoved(lengthBytes: number): void;
}

/** Takes the number of bytes of the device that are done. It never decreases. */
export type ProgressListener = (doneBytes: number) => void;

/** What a role learns when the phase may start: both devices are open. */
export interface PhaseStart {
  readonly onProgress: ProgressListener;
  /** Whether the target reads as zeros, so that a copy may leave out zeros. */
  readonly omitZeros: boolean;
}

/** What one phase did, and what both sides have to say about it to a user who asks for details. */
export interface PhaseOutcome {
  readonly counts: PhaseCounts;
  readonly notes: readonly string[];
}

/** @param selection Left out: everything is examined. */
export async function phaseOf(
  fields: Omit<Phase, 'geometry' | 'examined' | 'coverage' | 'surveyed' | 'hasher'>,
  selection?: Selection,
): Promise<Phase> {
  const { plan } = fields;
  const geometry = geometryOfPlan(plan);
  const examined = selection?.coverage ?? wholeDevice(geometry);
  const firstIndex = plan.fromBuffer ?? 0;
  return {
    ...fields,
    geometry,
    examined,
    coverage: fromBuffer(examined, firstIndex),
    surveyed: fromBuffer(selection?.surveyed ?? examined, firstIndex),
    hasher: await loadHasher(plan.hash),
  };
}

/** How the plan cuts the device. */
export function geometryOfPlan({
  sizeBytes,
  bufferBytes,
  chunkBytes,
}: Pick<Plan, 'sizeBytes' | 'bufferBytes' | 'chunkBytes'>): Geometry {
  return geometryOf(sizeBytes, bufferBytes, chunkBytesOf(bufferBytes, chunkBytes));
}

/** The examined bytes of the buffers below an index: what the progress of a phase counts. */
export function examinedBytesBelow(
  { examined, geometry }: Pick<Phase, 'examined' | 'geometry'>,
  index: number,
): number {
  const offsetBytes = Math.min(index * geometry.bufferBytes, geometry.sizeBytes);
  return examinedBytesBefore(examined, geometry, offsetBytes);
}

/** The bytes that the phase examines, in all attempts together. */
export function examinedBytesOf({ examined, geometry }: Pick<Phase, 'examined' | 'geometry'>): number {
  return examinedBytesBefore(examined, geometry, geometry.sizeBytes);
}

/** Where the phase begins on the device: an earlier attempt has done what lies before it. */
export function startBytesOf({ plan }: Pick<Phase, 'plan'>): number {
  return Math.min((plan.fromBuffer ?? 0) * plan.bufferBytes, plan.sizeBytes);
}

/** What a side reports about its device at the end of a phase. */
export function remarksOf({
  holeBytes,
  readBytes,
  notes,
}: Pick<Phase, 'holeBytes' | 'readBytes' | 'notes'>): {
  readonly holeBytes?: number;
  readonly readBytes?: number;
  readonly notes?: string[];
} {
  const read = readBytes?.() ?? 0;
  return {
    ...(holeBytes > 0 && { holeBytes }),
    ...(read > 0 && { readBytes: read }),
    ...(notes.length > 0 && { notes: [...notes] }),
  };
}

/** The state file, if this phase may change what it knows. */
export function learnerOf({ plan, record }: Pick<Phase, 'plan' | 'record'>): Recorder | undefined {
  return plan.phase === 'recheck' || plan.dryRun ? undefined : record;
}
