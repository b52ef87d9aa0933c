import { freemem } from 'node:os';
import { geometryOf, type Geometry } from '../digest/geometry.ts';
import { digestBytesOf, loadHasher, type Hasher } from '../digest/hash.ts';
import type { HashName } from '../digest/hash-names.ts';
import type { DeviceHandle } from '../device/handle.ts';
import type { ZeroPolicy } from '../device/zeros.ts';
import { bounds, tuning } from '../limits.ts';
import type { Plan } from '../protocol/schemas.ts';
import type { PhaseCounts } from '../report.ts';
import type { Trace } from '../trace.ts';
import type { JobRunner } from '../workers/jobs.ts';
import type { UnreadableRanges } from '../workers/unreadable.ts';
import type { Durable } from './settled.ts';
import { restOfDevice, type Coverage } from './coverage.ts';

/** What a role works with in one phase. */
export interface Phase {
  readonly plan: Plan;
  readonly geometry: Geometry;
  readonly coverage: Coverage;
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
  /** How the target treats zeros in this phase. */
  readonly zeros: ZeroPolicy;
  /** Bytes in holes of {@link device}, which the phase does not read. 0 where it reads nothing. */
  readonly holeBytes: number;
  /** Sentences for `--verbose` about the device of this side. */
  readonly notes: readonly string[];
  /** For decisions of the role. Undefined where no trace was asked for. */
  readonly trace: Trace | undefined;
  /** Takes what a later attempt of the run can rely on. Undefined at the agent, and where there is no later attempt. */
  readonly resumption?: Resumption | undefined;
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

export async function phaseOf(fields: Omit<Phase, 'geometry' | 'coverage' | 'hasher'>): Promise<Phase> {
  const { plan } = fields;
  const chunkBytes = chunkBytesOf(plan.bufferBytes, plan.chunkBytes);
  const geometry = geometryOf(plan.sizeBytes, plan.bufferBytes, chunkBytes);
  return {
    ...fields,
    geometry,
    coverage: restOfDevice(geometry, plan.fromBuffer ?? 0),
    hasher: await loadHasher(plan.hash),
  };
}

/** Where the phase begins on the device: an earlier attempt has done what lies before it. */
export function startBytesOf({ plan }: Pick<Phase, 'plan'>): number {
  return Math.min((plan.fromBuffer ?? 0) * plan.bufferBytes, plan.sizeBytes);
}

/** The requested chunk, or the finest one that is useful. */
export function chunkBytesOf(bufferBytes: number, chunkBytes: number | null): number {
  return chunkBytes ?? Math.min(bounds.finestChunkBytes, bufferBytes);
}

/**
 * The number of buffers that the target may survey ahead of the source. It is large enough to fill a link with a long
 * round trip. It is bounded by the memory for the block digests, and by the data that should still be in the page cache
 * when a buffer turns out to differ.
 */
export function windowBuffersOf(bufferBytes: number, chunkBytes: number | null, hash: HashName): number {
  return buffersWithin(bounds.windowDataBytes, bufferBytes, chunkBytes, hash);
}

/**
 * The number of buffers that the source may survey ahead of the comparison. It is larger than the target's where there
 * is memory for the page cache: connecting may take longer than reading half a gibibyte.
 */
export function aheadBuffersOf({ bufferBytes, chunkBytes, hash, windowBuffers }: Plan): number {
  const dataBytes = Math.min(tuning.aheadDataBytes, freemem() * aheadShareOfMemory);
  return Math.max(windowBuffers, buffersWithin(dataBytes, bufferBytes, chunkBytes, hash));
}

/** What is read ahead should stay in the page cache, next to other programs' data. */
const aheadShareOfMemory = 0.25;

function buffersWithin(
  dataBytes: number,
  bufferBytes: number,
  chunkBytes: number | null,
  hash: HashName,
): number {
  const [blockBytes] = geometryOf(0, bufferBytes, chunkBytesOf(bufferBytes, chunkBytes)).stepsBytes;
  const digestsOfBufferBytes = Math.ceil(bufferBytes / blockBytes!) * digestBytesOf[hash];
  const byMemory = Math.floor(bounds.windowDigestBytes / digestsOfBufferBytes);
  const byData = Math.floor(dataBytes / bufferBytes);
  return Math.max(bounds.minWindowBuffers, Math.min(bounds.maxWindowBuffers, byMemory, byData));
}

/** What a side reports about its device at the end of a phase. */
export function remarksOf({ holeBytes, notes }: Pick<Phase, 'holeBytes' | 'notes'>): {
  readonly holeBytes?: number;
  readonly notes?: string[];
} {
  return { ...(holeBytes > 0 && { holeBytes }), ...(notes.length > 0 && { notes: [...notes] }) };
}
