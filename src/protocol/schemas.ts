import * as v from 'valibot';
import { hashNames } from '../digest/hash-names.ts';
import { isRemedy, type Remedy } from '../errors.ts';
import { bounds } from '../limits.ts';

/**
 * The messages in JSON: those that open a device, and begin and end a phase. The decoder refuses all other forms before
 * anything uses them.
 */

const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(bounds.maxOffsetBytes));
const count = bytes;
const path = v.pipe(v.string(), v.minLength(1), v.maxBytes(bounds.maxPathBytes));
const text = v.pipe(v.string(), v.maxLength(bounds.maxErrorMessageCharacters));
const side = v.picklist(['local', 'remote']);
const kind = v.picklist(['block device', 'regular file']);
const phaseName = v.picklist(['copy', 'sync', 'recheck']);
const extent = v.object({ offsetBytes: bytes, lengthBytes: bytes });

/** Which storage a device is. Only the device layer knows its form, and checks it. */
const identity = v.unknown();

/** A snapshot that a run has kept. Only the source's side knows its form, and checks it. */
const base = v.unknown();

/** Names a run that may have several attempts, and the attempt. */
const runAttempt = v.object({
  token: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  attempt: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
});
export type RunAttempt = v.InferOutput<typeof runAttempt>;

/** Which storage a device is, for the comparison with a later attempt. */
const fact = v.pipe(v.string(), v.maxLength(bounds.maxIdentityCharacters));
const lasting = v.object({ bootId: fact, withinBoot: fact, lasting: fact });

/** What was written to a device, for the comparison with another moment. An empty text is not known. */
const marks = v.object({ bootId: fact, attachment: fact, writes: fact });

/** What the receiving side checks before it opens its device. */
const receiving = v.object({
  sourceSizeBytes: bytes,
  sourceIdentity: identity,
  create: v.boolean(),
  /** Missing: a file that is too small is refused. */
  grow: v.exactOptional(v.boolean()),
  force: v.boolean(),
  dryRun: v.boolean(),
  /** How zeros of a file are treated. Left out: `auto`. */
  sparse: v.exactOptional(v.picklist(['auto', 'always', 'never'])),
  /** Whether zeros of a block device are released. Left out: they are written. */
  discard: v.exactOptional(v.boolean()),
});

/**
 * It rises when a peer of the version before would misunderstand a message. An installed agent is of another version of Basyn
 * than the local side, and may be of another one of the protocol.
 */
export const protocolVersion = 2;

export const openSchema = v.object({
  protocol: v.literal(protocolVersion),
  path,
  role: v.picklist(['source', 'target']),
  /** `null`: the device is opened for reading only. */
  receiving: v.nullable(receiving),
  /** The phases of the run, in order. None: the device is only described. */
  phases: v.pipe(v.array(phaseName), v.maxLength(2)),
  /** Whether the local side may open further lanes. */
  lanes: v.boolean(),
  peerTimeoutMs: v.pipe(
    v.number(),
    v.safeInteger(),
    v.minValue(bounds.minPeerTimeoutMs),
    v.maxValue(bounds.maxPeerTimeoutMs),
  ),
  /** Present if the agent is to send its trace. */
  trace: v.exactOptional(v.literal(true)),
  /** Left out where the run has one attempt only. */
  run: v.exactOptional(runAttempt),
  /** Whether large devices are read through the page cache as well. */
  cache: v.exactOptional(v.literal(true)),
  /** Present if the agent is to report what was written to its device. */
  marks: v.exactOptional(v.literal(true)),
  /** The agent reads a snapshot of its device, a source. Left out: it reads the device itself. */
  snapshot: v.exactOptional(
    v.object({
      /** Of a classic snapshot. A thin one needs none. */
      sizeBytes: v.exactOptional(v.pipe(bytes, v.minValue(1))),
    }),
  ),
  /** The most that the agent reads of its device. */
  readBytesPerSecond: v.exactOptional(v.pipe(bytes, v.minValue(1))),
  /** Present if another `open` may follow after the end of this run. */
  again: v.exactOptional(v.literal(true)),
});

/** Bytes that the side has read of its device, in a phase with a list of buffers or a state file. Left out where it is 0. */
const readBytes = v.exactOptional(bytes);

/** For a user who asks for details. Left out where there are none. */
const notes = v.exactOptional(v.pipe(v.array(text), v.maxLength(bounds.maxNotes)));

/** Where the agent accepts further lanes: a port on the loopback of its machine, and the token that admits a lane. */
const laneAddress = v.object({
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
  token: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});
export type LaneAddress = v.InferOutput<typeof laneAddress>;

export const openedSchema = v.object({
  kind,
  sizeBytes: bytes,
  identity,
  warnings: v.pipe(v.array(text), v.maxLength(bounds.maxNotes)),
  /** Why reads that look for the disk may return the contents of a page cache. `null`: they do not. */
  cachedBecause: v.nullable(text),
  notes: v.optional(v.pipe(v.array(text), v.maxLength(bounds.maxNotes))),
  /** The device is new: it reads as zeros, and a copy may leave out zeros. */
  omitZeros: v.exactOptional(v.boolean()),
  /** Bytes of the target from here on are new: the agent has created the file (0), or extended it. */
  newFromBytes: v.exactOptional(bytes),
  /** Whether the comparison of a transfer reads the source past the page cache. */
  surveysDirectly: v.exactOptional(v.literal(true)),
  /** Whether what a source sends is read past the page cache. */
  sendsDirectly: v.exactOptional(v.literal(true)),
  /** `null`: the agent accepts no further lanes. */
  lanes: v.nullable(laneAddress),
  /** Present where `open` has a `run`. */
  lasting: v.exactOptional(lasting),
  /** Before the run, after a flush. Present where `open` asks for it. */
  marks: v.exactOptional(marks),
  /** Names the snapshot that is read. Present where `open` has a `snapshot`. */
  snapshot: v.exactOptional(fact),
  /** The agent serves a further run after this one. Only where `open` asks for it. */
  again: v.exactOptional(v.literal(true)),
  /** The agent is the source, and can send `ranges`. */
  reportsRanges: v.exactOptional(v.literal(true)),
});

export const closedSchema = v.object({
  /** At the end of the run, after a flush. Present where `open` asked for it. */
  marks: v.exactOptional(marks),
  /** For the user: what the agent found out about its device at the end. */
  warnings: v.pipe(v.array(text), v.maxLength(bounds.maxNotes)),
  /** The snapshot that was kept, for the `since` of the next run. Left out where there is none. */
  base: v.exactOptional(base),
  /** For how long each part of the agent's side was busy, in milliseconds. Left out where it is not known. */
  times: v.exactOptional(v.object({ diskMs: count, processorMs: count, exchangeMs: count, dataMs: count })),
});

export const sinceSchema = v.object({
  base,
  /** The changes are answered in buffers of this size. */
  bufferBytes: v.pipe(bytes, v.minValue(1), v.maxValue(bounds.maxBufferBytes)),
});

export const changesSchema = v.object({
  /** Why they can't be determined, as a sentence. Left out where they can. */
  reason: v.exactOptional(text),
});

export const keepSchema = v.object({
  /** Names the source and the target. */
  pairId: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
});

export const traceSchema = v.object({ line: text });

const compression = v.object({
  name: v.picklist(['none', 'zlib', 'zstd', 'auto']),
  /** `null`: chosen during the run. */
  level: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(9))),
});
export type CompressionChoice = v.InferOutput<typeof compression>;

export const planSchema = v.pipe(
  v.object({
    phase: phaseName,
    sizeBytes: bytes,
    hash: v.picklist(hashNames),
    bufferBytes: v.pipe(bytes, v.minValue(1), v.maxValue(bounds.maxBufferBytes)),
    /** `null`: chosen for each differing buffer during the run. */
    chunkBytes: v.nullable(v.pipe(bytes, v.minValue(1), v.maxValue(bounds.maxBufferBytes))),
    /** The number of buffers that the target may digest ahead of the source's `advance`. */
    windowBuffers: v.pipe(count, v.minValue(1), v.maxValue(bounds.maxWindowBuffers)),
    compression,
    /** `null`: not measured, or not measured yet because the local side is the source. */
    roundTripMs: v.nullable(v.pipe(v.number(), v.finite(), v.minValue(0))),
    dryRun: v.boolean(),
    /** The target is new: it reads as zeros, and a copy may leave out zeros. */
    omitZeros: v.exactOptional(v.boolean()),
    /** Whether `advance` tells how much differs: a local target shows the progress. */
    countDiffering: v.exactOptional(v.literal(true)),
    /** The user's limit on the link, which the local side keeps: a source compresses for a link of this speed. */
    linkBytesPerSecond: v.exactOptional(v.pipe(bytes, v.minValue(1))),
    /** For a source: what can't be read is left out, and reported in `finish`. Missing: it ends the run. */
    readErrors: v.exactOptional(v.literal('skip')),
    /** Buffers below it are left out: an earlier attempt has done them. Left out where it is 0. */
    fromBuffer: v.exactOptional(count),
    /** Whether the phase examines only what the `cover` messages before `begin` list. */
    covered: v.exactOptional(v.literal(true)),
    /** Whether the source announces checkpoints. */
    checkpoints: v.exactOptional(v.literal(true)),
    /**
     * The local side knows digests of the target from earlier runs: the source verifies them where a buffer differs. A source
     * that is the agent reports the digests of such buffers.
     */
    recorded: v.exactOptional(v.literal(true)),
    /** Whether a source that is the agent sends `ranges`. */
    reportRanges: v.exactOptional(v.literal(true)),
  }),
  v.check(
    ({ fromBuffer = 0, sizeBytes, bufferBytes }) => fromBuffer <= Math.ceil(sizeBytes / bufferBytes),
    'start over size',
  ),
  v.check(({ phase, covered }) => phase !== 'copy' || covered !== true, 'a copy of a part'),
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
  /** Bytes in holes of the source, which were not read. Left out where there are none. */
  holeBytes: v.exactOptional(bytes),
  readBytes,
  notes,
  differingBytes: bytes,
  differingRangeCount: count,
  differingRanges: v.pipe(v.array(extent), v.maxLength(bounds.reportedRanges)),
  /** Buffers whose digests of blocks do not belong to the digest that was sent. Left out where there are none. */
  mistakenBuffers: v.exactOptional(count),
  /** Missing: the source could read everything. */
  unreadableBytes: v.exactOptional(bytes),
  unreadableRangeCount: v.exactOptional(count),
  unreadableRanges: v.exactOptional(v.pipe(v.array(extent), v.maxLength(bounds.reportedUnreadableRanges))),
});

export const checkpointSchema = v.object({
  /** All buffers below it are settled. */
  doneBuffers: count,
  /** Device bytes in the data frames of the group that ends with this checkpoint. */
  dataBytes: bytes,
  /** What was found in these buffers since the phase began in this attempt. */
  differingBytes: bytes,
  differingRangeCount: count,
  differingRanges: v.pipe(v.array(extent), v.maxLength(bounds.reportedRanges)),
  /** The end of the last differing range. */
  differingEndBytes: v.nullable(bytes),
});

export const durableSchema = v.object({
  /** The number of checkpoints that are confirmed: the first ones of those that are not. Left out: one. */
  checkpoints: v.exactOptional(count),
  /** What the target has written and released since the phase began in this attempt. */
  writtenBytes: bytes,
  releasedBytes: bytes,
});

export const finishedSchema = v.object({
  /** Device bytes that arrived in this phase, and that the disk now has. */
  writtenBytes: bytes,
  /** Those of them that were zeros and whose space was released. Left out where there are none. */
  releasedBytes: v.exactOptional(bytes),
  /** Those of them that were zeros where the target had zeros already. Left out where there are none. */
  skippedBytes: v.exactOptional(bytes),
  /** Bytes in holes of the target, which were not read. Left out where there are none. */
  holeBytes: v.exactOptional(bytes),
  readBytes,
  notes,
});

const failure = v.object({
  /** Not `usage`: it promises that nothing was changed, and the peer cannot promise that. */
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
