import fc from 'fast-check';
import { encodings } from '../../src/codec/encoding.ts';
import { hashNames } from '../../src/digest/hash-names.ts';
import { remedies } from '../../src/errors.ts';
import { bounds } from '../../src/limits.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { rangeKinds, typeNumbers, type Message } from '../../src/protocol/messages.ts';

export const offset = fc.integer({ min: 0, max: bounds.maxOffsetBytes });
export const bytes = fc.uint8Array({ maxLength: 200 });
const text = fc.string({ unit: 'binary', maxLength: 60 });
const path = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 });

export const extent = fc
  .record({
    offsetBytes: fc.integer({ min: 0, max: bounds.maxOffsetBytes - 0xffff_ffff }),
    lengthBytes: fc.integer({ min: 1, max: 0xffff_ffff }),
  })
  .map(({ offsetBytes, lengthBytes }) => ({ offsetBytes, lengthBytes }));

const receiving = fc.record(
  {
    sourceSizeBytes: offset,
    sourceIdentity: fc.jsonValue(),
    create: fc.boolean(),
    grow: fc.boolean(),
    force: fc.boolean(),
    dryRun: fc.boolean(),
  },
  { requiredKeys: ['sourceSizeBytes', 'sourceIdentity', 'create', 'force', 'dryRun'] },
);

const laneAddress = fc.record({
  port: fc.integer({ min: 1, max: 65_535 }),
  token: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((token) => Buffer.from(token).toString('hex')),
});

const plan = fc
  .record({
    phase: fc.constantFrom('copy', 'sync', 'recheck'),
    sizeBytes: offset,
    hash: fc.constantFrom(...hashNames),
    bufferBytes: fc.integer({ min: 1, max: bounds.maxBufferBytes }),
    chunkBytes: fc.option(fc.integer({ min: 1, max: bounds.maxBufferBytes })),
    windowBuffers: fc.integer({ min: 1, max: bounds.maxWindowBuffers }),
    compression: fc.record({
      name: fc.constantFrom('none', 'zlib', 'zstd', 'auto'),
      level: fc.option(fc.integer({ min: 1, max: 9 })),
    }),
    roundTripMs: fc.option(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), { nil: null }),
    dryRun: fc.boolean(),
    omitZeros: fc.boolean(),
    readErrors: fc.option(fc.constant('skip'), { nil: undefined }),
  })
  .map(({ readErrors, ...fields }) => ({
    ...fields,
    ...(readErrors !== undefined && { readErrors }),
    chunkBytes: fields.chunkBytes === null ? null : Math.min(fields.chunkBytes, fields.bufferBytes),
  }));

type ArbitraryOf<Type extends Message['type']> = fc.Arbitrary<Omit<Extract<Message, { type: Type }>, 'type'>>;

const nothing = fc.constant({});
const side = fc.constantFrom('local', 'remote');

/** The fields of every message. This file does not compile until a new message is added here. */
const fieldsOf: { [Type in Message['type']]: ArbitraryOf<Type> } = {
  open: fc.record({
    protocol: fc.constant(2),
    path,
    role: fc.constantFrom('source', 'target'),
    receiving: fc.option(receiving),
    phases: fc.array(fc.constantFrom('copy', 'sync', 'recheck'), { maxLength: 2 }),
    lanes: fc.boolean(),
    peerTimeoutMs: fc.integer({ min: bounds.minPeerTimeoutMs, max: bounds.maxPeerTimeoutMs }),
  }),
  opened: fc.record({
    kind: fc.constantFrom('block device', 'regular file'),
    sizeBytes: offset,
    identity: fc.jsonValue(),
    warnings: fc.array(text, { maxLength: 20 }),
    cachedBecause: fc.option(text),
    lanes: fc.option(laneAddress),
    omitZeros: fc.boolean(),
  }),
  begin: plan,
  cover: fc
    .record({
      runs: fc.array(
        fc.record({ gap: fc.integer({ min: 1, max: 2 ** 40 }), count: fc.integer({ min: 1, max: 2 ** 40 }) }),
        { maxLength: 50 },
      ),
      isLast: fc.boolean(),
    })
    .map(({ runs, isLast }) => {
      let endIndex = -1;
      const numbers = runs.flatMap(({ gap, count }) => {
        const firstIndex = endIndex + gap;
        endIndex = firstIndex + count;
        return [firstIndex, count];
      });
      return { runs: Float64Array.from(numbers), isLast };
    }),
  since: fc.record({ base: fc.jsonValue(), bufferBytes: fc.integer({ min: 1, max: bounds.maxBufferBytes }) }),
  changes: fc.record({ reason: text }, { requiredKeys: [] }),
  keep: fc.record({ pairId: fc.constant('0123456789abcdef'.repeat(2)) }),
  recorded: nothing,
  ranges: fc
    .record({
      kind: fc.constantFrom(...rangeKinds),
      extents: fc.array(
        fc.record({
          gap: fc.integer({ min: 0, max: 2 ** 40 }),
          lengthBytes: fc.integer({ min: 1, max: 2 ** 40 }),
        }),
        { maxLength: 50 },
      ),
    })
    .map(({ kind, extents }) => {
      let endBytes = 0;
      const ranges = extents.map(({ gap, lengthBytes }) => {
        const offsetBytes = endBytes + gap;
        endBytes = offsetBytes + lengthBytes;
        return { offsetBytes, lengthBytes };
      });
      return { kind, extents: ranges };
    }),
  digests: fc.record({ firstBuffer: offset, digests: bytes }),
  advance: fc.record({ doneBuffers: offset, differingBytes: offset }, { requiredKeys: ['doneBuffers'] }),
  ask: fc.record({
    id: offset,
    stepBytes: fc.integer({ min: 0, max: 0xffff_ffff }),
    extents: fc.array(extent, { maxLength: 50 }),
  }),
  answer: fc.record({ id: offset, digests: bytes }),
  data: fc
    .record({
      extents: fc.array(extent, { minLength: 1, maxLength: 50 }),
      encoding: fc.constantFrom(...encodings),
      digest: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      payload: bytes,
      group: fc.option(fc.integer({ min: 1, max: bounds.frameGroups }), { nil: undefined }),
    })
    .map(({ group, ...data }) => ({ ...data, ...(group !== undefined && { group }) }))
    .map((data) => (data.encoding === 'zero' ? { ...data, payload: new Uint8Array() } : data)),
  written: fc
    .record({
      writtenBytes: offset,
      payloadBytes: offset,
      windowBytes: fc.option(offset, { nil: undefined }),
    })
    // A window that equals the written bytes is left out.
    .map(({ windowBytes, ...rest }) =>
      windowBytes === undefined || windowBytes === rest.writtenBytes ? rest : { ...rest, windowBytes },
    ),
  finish: fc.record(
    {
      dataBytes: offset,
      differingBytes: offset,
      differingRangeCount: offset,
      differingRanges: fc.array(extent, { maxLength: bounds.reportedRanges }),
      unreadableBytes: offset,
      unreadableRangeCount: offset,
      unreadableRanges: fc.array(extent, { maxLength: bounds.reportedUnreadableRanges }),
    },
    { requiredKeys: ['dataBytes', 'differingBytes', 'differingRangeCount', 'differingRanges'] },
  ),
  finished: fc.record({ writtenBytes: offset, holeBytes: offset, notes: fc.array(text, { maxLength: 20 }) }),
  checkpoint: fc.record({
    doneBuffers: offset,
    dataBytes: offset,
    differingBytes: offset,
    differingRangeCount: offset,
    differingRanges: fc.array(extent, { maxLength: bounds.reportedRanges }),
    differingEndBytes: fc.option(offset),
  }),
  durable: fc.record(
    { checkpoints: offset, writtenBytes: offset, releasedBytes: offset },
    { requiredKeys: ['writtenBytes', 'releasedBytes'] },
  ),
  ping: nothing,
  pong: nothing,
  failure: fc.record(
    {
      code: fc.constantFrom('device', 'refused', 'connection', 'protocol', 'aborted', 'internal'),
      message: text,
      side,
      device: path,
      offsetBytes: offset,
      remedy: fc.constantFrom(...remedies),
    },
    { requiredKeys: ['code', 'message'] },
  ),
  bye: nothing,
  flushing: nothing,
  working: nothing,
  closed: fc.record({ warnings: fc.array(text, { maxLength: 20 }) }),
  trace: fc.record({ line: fc.string({ maxLength: 100 }) }),
};

const messageTypes = Object.keys(typeNumbers) as Message['type'][];

/** Any message that may be sent, each type as likely as any other. */
export const message: fc.Arbitrary<Message> = fc.oneof(
  ...messageTypes.map((type) =>
    (fieldsOf[type] as fc.Arbitrary<object>).map((fields) => ({ type, ...fields }) as Message),
  ),
);

export function encoded(message: Message): Buffer {
  return Buffer.concat(encodeMessage(message));
}
