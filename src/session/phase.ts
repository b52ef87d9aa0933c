import { freemem } from 'node:os';
import { geometryOf, type Geometry } from '../digest/geometry.ts';
import { digestBytesOf, loadHasher, type Hasher } from '../digest/hash.ts';
import type { HashName } from '../digest/hash-names.ts';
import type { DeviceHandle } from '../device/handle.ts';
import { limits } from '../limits.ts';
import type { Plan } from '../protocol/schemas.ts';
import type { Trace } from '../trace.ts';
import type { JobRunner, ZeroPolicy } from '../workers/jobs.ts';

/** What a role works with in one phase. */
export interface Phase {
  readonly plan: Plan;
  readonly geometry: Geometry;
  /** For digests of digests; data is hashed by the runner. */
  readonly hasher: Hasher;
  /** What the role reads. */
  readonly device: DeviceHandle;
  /** Where the target writes: the same device, through the page cache. */
  readonly output: DeviceHandle;
  readonly runner: JobRunner;
  /** What the target may do with zeros in this phase. */
  readonly zeros: ZeroPolicy;
  /** For decisions of the role. Undefined where no trace was asked for. */
  readonly trace: Trace | undefined;
}

/** Is told the bytes of the device that are done, never less than before. */
export type ProgressListener = (doneBytes: number) => void;

export async function phaseOf(fields: Omit<Phase, 'geometry' | 'hasher'>): Promise<Phase> {
  const { plan } = fields;
  return {
    ...fields,
    geometry: geometryOf(plan.sizeBytes, plan.bufferBytes, chunkBytesOf(plan.bufferBytes, plan.chunkBytes)),
    hasher: await loadHasher(plan.hash),
  };
}

/** The chunk that was asked for, or the finest one that makes sense. */
export function chunkBytesOf(bufferBytes: number, chunkBytes: number | null): number {
  return chunkBytes ?? Math.min(limits.finestChunkBytes, bufferBytes);
}

/**
 * How many buffers the target may survey ahead of the source: enough to fill a long link, and bounded by the memory
 * that their block digests take and by the data that should still be in the page cache when a buffer turns out to
 * differ.
 */
export function windowBuffersOf(bufferBytes: number, chunkBytes: number | null, hash: HashName): number {
  return buffersWithin(limits.windowDataBytes, bufferBytes, chunkBytes, hash);
}

/**
 * How many buffers the source may survey ahead of the comparison. It asks nobody for that, so it goes further where
 * there is memory for the page cache: to connect may take longer than to read half a gibibyte.
 */
export function aheadBuffersOf({ bufferBytes, chunkBytes, hash, windowBuffers }: Plan): number {
  const dataBytes = Math.min(limits.aheadDataBytes, freemem() / 4);
  return Math.max(windowBuffers, buffersWithin(dataBytes, bufferBytes, chunkBytes, hash));
}

function buffersWithin(
  dataBytes: number,
  bufferBytes: number,
  chunkBytes: number | null,
  hash: HashName,
): number {
  const [blockBytes] = geometryOf(0, bufferBytes, chunkBytesOf(bufferBytes, chunkBytes)).stepsBytes;
  const digestsOfBufferBytes = Math.ceil(bufferBytes / blockBytes!) * digestBytesOf[hash];
  const byMemory = Math.floor(limits.windowDigestBytes / digestsOfBufferBytes);
  const byData = Math.floor(dataBytes / bufferBytes);
  return Math.max(limits.minWindowBuffers, Math.min(limits.maxWindowBuffers, byMemory, byData));
}
