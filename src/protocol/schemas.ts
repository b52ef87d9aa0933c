import * as v from 'valibot';
import { hashNames } from '../digest/hash-names.ts';
import { isRemedy, type Remedy } from '../errors.ts';
import { limits } from '../limits.ts';

/**
 * The messages that are JSON: those that open, bound and end a phase. Whatever is not of these forms is refused
 * before anything looks at it.
 */

const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(limits.maxOffsetBytes));
const count = bytes;
const path = v.pipe(v.string(), v.minLength(1), v.maxBytes(limits.maxPathBytes));
const text = v.pipe(v.string(), v.maxLength(limits.maxErrorMessageCharacters));
const side = v.picklist(['local', 'remote']);
const kind = v.picklist(['block device', 'regular file']);
const phaseName = v.picklist(['copy', 'sync', 'recheck']);
const extent = v.object({ offsetBytes: bytes, lengthBytes: bytes });

/** Which storage a device is. The device layer alone knows its form, and checks it. */
const identity = v.unknown();

/** What the receiving side checks before it opens its device. */
const receiving = v.object({
  sourceSizeBytes: bytes,
  sourceIdentity: identity,
  create: v.boolean(),
  force: v.boolean(),
  dryRun: v.boolean(),
});
export type ReceivingRequest = v.InferOutput<typeof receiving>;

export const openSchema = v.object({
  protocol: v.literal(2),
  path,
  role: v.picklist(['source', 'target']),
  /** Present where the agent will write. Without it, the device is opened for reading only. */
  receiving: v.nullable(receiving),
  /** What will be done with the device, one phase after the other. None: it is only described. */
  phases: v.pipe(v.array(phaseName), v.maxLength(2)),
  /** Whether the local side may want further lanes. */
  lanes: v.boolean(),
  peerTimeoutMs: v.pipe(
    v.number(),
    v.safeInteger(),
    v.minValue(limits.minPeerTimeoutMs),
    v.maxValue(limits.maxPeerTimeoutMs),
  ),
});

/** Where a further lane finds the agent: a port of its machine's loopback, and the words that let it in. */
const laneMeeting = v.object({
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
  token: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});
export type LaneMeeting = v.InferOutput<typeof laneMeeting>;

export const openedSchema = v.object({
  kind,
  sizeBytes: bytes,
  identity,
  warnings: v.pipe(v.array(text), v.maxLength(100)),
  /** Why reads that look for the disk may see a page cache. `null`: they see the disk. */
  cachedBecause: v.nullable(text),
  notes: v.optional(v.pipe(v.array(text), v.maxLength(100))),
  /** `null`: the agent takes no further lanes. */
  lanes: v.nullable(laneMeeting),
});

export const closedSchema = v.object({
  /** What the agent found out about its device at the end, for the user. */
  warnings: v.pipe(v.array(text), v.maxLength(100)),
});

const compression = v.object({
  name: v.picklist(['none', 'zlib', 'zstd', 'auto']),
  /** `null`: chosen while the run goes on. */
  level: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(9))),
});
export type CompressionChoice = v.InferOutput<typeof compression>;

export const planSchema = v.pipe(
  v.object({
    phase: phaseName,
    sizeBytes: bytes,
    hash: v.picklist(hashNames),
    bufferBytes: v.pipe(bytes, v.minValue(1), v.maxValue(limits.maxBufferBytes)),
    /** `null`: chosen per differing buffer while the run goes on. */
    chunkBytes: v.nullable(v.pipe(bytes, v.minValue(1), v.maxValue(limits.maxBufferBytes))),
    /** How many buffers the target may digest ahead of the source's `advance`. */
    windowBuffers: v.pipe(count, v.minValue(1), v.maxValue(limits.maxWindowBuffers)),
    compression,
    /** `null`: the local side is the source, and may not have measured it yet. */
    roundTripMs: v.nullable(v.pipe(v.number(), v.finite(), v.minValue(0))),
    dryRun: v.boolean(),
  }),
  v.check(
    ({ chunkBytes, bufferBytes }) => chunkBytes === null || chunkBytes <= bufferBytes,
    'chunk over buffer',
  ),
);

/** One phase, as both sides carry it out. */
export type Plan = v.InferOutput<typeof planSchema>;

export const finishSchema = v.object({
  /** Device bytes in all the data frames of this phase. */
  dataBytes: bytes,
  differingBytes: bytes,
  differingRangeCount: count,
  differingRanges: v.pipe(v.array(extent), v.maxLength(limits.reportedRanges)),
});

export const finishedSchema = v.object({
  /** Device bytes written and flushed in this phase. */
  writtenBytes: bytes,
});

const failure = v.object({
  /** Not `usage`: it promises that nothing was changed, which is not the other side's to promise. */
  code: v.picklist(['device', 'refused', 'connection', 'protocol', 'aborted', 'internal']),
  message: text,
  side: v.exactOptional(side),
  device: v.exactOptional(path),
  offsetBytes: v.exactOptional(bytes),
  remedy: v.exactOptional(v.unknown()),
});
type Failure = Omit<v.InferOutput<typeof failure>, 'remedy'> & { readonly remedy?: Remedy };

/** A remedy is a hint only: one that this version does not know is ignored. */
export const failureSchema = v.pipe(
  failure,
  v.transform(({ remedy, ...fields }): Failure => (isRemedy(remedy) ? { ...fields, remedy } : fields)),
);
