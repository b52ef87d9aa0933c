import * as v from 'valibot';
import { encodings } from '../codec/encoding.ts';
import type { Extent } from '../digest/extent.ts';
import { extentBytes, frameDigestBytes } from '../digest/frame-digest.ts';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { Frame } from './frame.ts';
import { groupOfByte } from './frame-group.ts';
import {
  rangeKinds,
  typeNumbers,
  type CoverMessage,
  type DataMessage,
  type Message,
  type RangesMessage,
} from './messages.ts';
import {
  changesSchema,
  checkpointSchema,
  closedSchema,
  durableSchema,
  failureSchema,
  finishedSchema,
  finishSchema,
  keepSchema,
  openedSchema,
  openSchema,
  planSchema,
  protocolVersion,
  sinceSchema,
  traceSchema,
} from './schemas.ts';

const typeNames = new Map(
  (Object.keys(typeNumbers) as Message['type'][]).map((type) => [typeNumbers[type], type] as const),
);

/**
 * Decodes the message in a frame. Pure. The role checks what it means for a device, such as whether an extent is inside it.
 *
 * @throws {BasynError} `protocol`, where the payload is not exactly one message.
 */
export function decodeMessage({ type: typeNumber, payload }: Frame): Message {
  const type = typeNames.get(typeNumber);
  if (type === undefined) throw malformed(`a frame of type ${typeNumber}`);
  const reader = new PayloadReader(type, payload);
  const message = readMessage(type, reader);
  reader.expectEnd();
  return message;
}

function readMessage(type: Message['type'], reader: PayloadReader): Message {
  switch (type) {
    case 'open':
      return { type, ...reader.json(openSchema, requireProtocol) };
    case 'opened':
      return { type, ...reader.json(openedSchema) };
    case 'begin':
      return { type, ...reader.json(planSchema) };
    case 'digests':
      return { type, firstBuffer: reader.uint64(), digests: reader.rest() };
    case 'advance':
      return {
        type,
        doneBuffers: reader.uint64(),
        ...(!reader.isAtEnd && { differingBytes: reader.uint64() }),
      };
    case 'ask':
      return {
        type,
        id: reader.uint64(),
        stepBytes: reader.uint32(),
        extents: reader.extents(reader.uint32(), bounds.askExtents),
      };
    case 'answer':
      return { type, id: reader.uint64(), digests: reader.rest() };
    case 'data':
      return readData(reader);
    case 'cover':
      return { type, ...readRuns(reader) };
    case 'ranges':
      return readRanges(reader);
    case 'written':
      return {
        type,
        writtenBytes: reader.uint64(),
        payloadBytes: reader.uint64(),
        ...(!reader.isAtEnd && { windowBytes: reader.uint64() }),
      };
    case 'finish':
      return { type, ...reader.json(finishSchema) };
    case 'finished':
      return { type, ...reader.json(finishedSchema) };
    case 'failure':
      return { type, ...reader.json(failureSchema) };
    case 'closed':
      return { type, ...reader.json(closedSchema) };
    case 'trace':
      return { type, ...reader.json(traceSchema) };
    case 'checkpoint':
      return { type, ...reader.json(checkpointSchema) };
    case 'durable':
      return { type, ...reader.json(durableSchema) };
    case 'since':
      return { type, ...reader.json(sinceSchema) };
    case 'changes':
      return { type, ...reader.json(changesSchema) };
    case 'keep':
      return { type, ...reader.json(keepSchema) };
    case 'recorded':
    case 'ping':
    case 'pong':
    case 'bye':
    case 'flushing':
    case 'working':
      return { type };
  }
}

function readData(reader: PayloadReader): DataMessage {
  const encoding = encodings[reader.uint8()];
  if (encoding === undefined) throw malformed('data in an unknown encoding');
  const group = groupOfByte(reader.uint8());
  if (group === 'unknown') throw malformed('data of an unknown group');
  const count = reader.uint16();
  const digest = reader.copy(frameDigestBytes);
  const extents = reader.extents(count, bounds.dataFrameExtents);
  const payload = reader.rest();
  if (extents.length === 0) throw malformed('data without an extent');
  if (encoding === 'zero' && payload.byteLength > 0) throw malformed('zeros with a payload');
  return { type: 'data', encoding, digest, extents, payload, ...(group !== undefined && { group }) };
}

/** Each run begins behind a gap. Whether a run continues the one of the message before is up to the receiver. */
function readRuns(reader: PayloadReader): Pick<CoverMessage, 'runs' | 'isLast'> {
  const flag = reader.uint8();
  if (flag > 1) throw malformed('cover with an unknown flag');
  const runCount = reader.leftBytes / runBytes;
  if (!Number.isInteger(runCount) || runCount > bounds.coverMessageRuns) {
    throw malformed(`cover of ${reader.leftBytes} bytes`);
  }
  const runs = new Float64Array(2 * runCount);
  let endIndex = -1;
  for (let at = 0; at < runs.length; at += 2) {
    const firstIndex = reader.uint64();
    const count = reader.uint64();
    if (firstIndex <= endIndex || count === 0 || firstIndex + count > bounds.maxOffsetBytes) {
      throw malformed('cover with an impossible run');
    }
    runs[at] = firstIndex;
    runs[at + 1] = count;
    endIndex = firstIndex + count;
  }
  return { runs, isLast: flag === 1 };
}

/** The first index and the number of buffers. */
const runBytes = 16;

/** Ascending, without overlap. Whether they follow those of the message before is up to the receiver. */
function readRanges(reader: PayloadReader): RangesMessage {
  const kind = rangeKinds[reader.uint8()];
  const count = reader.leftBytes / rangeBytes;
  if (kind === undefined) throw malformed('ranges of an unknown kind');
  if (!Number.isInteger(count) || count > bounds.rangesMessageExtents) {
    throw malformed(`ranges of ${reader.leftBytes} bytes`);
  }
  let endBytes = 0;
  const extents = Array.from({ length: count }, () => {
    const [offsetBytes, lengthBytes] = [reader.uint64(), reader.uint64()];
    const isPossible = offsetBytes >= endBytes && lengthBytes > 0;
    endBytes = offsetBytes + lengthBytes;
    if (!isPossible || endBytes > bounds.maxOffsetBytes) throw malformed('ranges with an impossible one');
    return { offsetBytes, lengthBytes };
  });
  return { type: 'ranges', kind, extents };
}

/** The offset and the length. */
const rangeBytes = 16;

/** Reads a payload from front to end. Missing, excess and out-of-range bytes are errors. */
class PayloadReader {
  readonly #type: Message['type'];
  readonly #bytes: Buffer;
  #position = 0;

  constructor(type: Message['type'], payload: Uint8Array) {
    this.#type = type;
    this.#bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  get isAtEnd(): boolean {
    return this.leftBytes === 0;
  }

  get leftBytes(): number {
    return this.#bytes.byteLength - this.#position;
  }

  uint8(): number {
    return this.#take(1).readUInt8();
  }

  uint16(): number {
    return this.#take(2).readUInt16BE();
  }

  uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  /** An offset or a count: 64 bits on the wire. A value that a double cannot hold exactly is refused. */
  uint64(): number {
    const value = this.#take(8).readBigUInt64BE();
    if (value > BigInt(bounds.maxOffsetBytes)) throw malformed(`${this.#type} with a number past 2^53`);
    return Number(value);
  }

  extents(count: number, most: number): Extent[] {
    if (count > most) throw malformed(`${this.#type} with ${count} extents; the limit is ${most}`);
    const table = this.#take(count * extentBytes);
    return Array.from({ length: count }, (_, index) => {
      const offset = table.readBigUInt64BE(index * extentBytes);
      const lengthBytes = table.readUInt32BE(index * extentBytes + 8);
      if (lengthBytes === 0 || offset + BigInt(lengthBytes) > BigInt(bounds.maxOffsetBytes)) {
        throw malformed(`${this.#type} with an impossible extent`);
      }
      return { offsetBytes: Number(offset), lengthBytes };
    });
  }

  /** @param require looks at the value before the schema does. */
  json<S extends v.GenericSchema>(
    schema: S,
    require: (value: unknown) => void = () => undefined,
  ): v.InferOutput<S> {
    const bytes = this.rest();
    if (bytes.byteLength > bounds.maxJsonBytes) throw malformed(`${this.#type} of ${bytes.byteLength} bytes`);
    const value = parseJson(this.#type, bytes);
    require(value);
    const result = v.safeParse(schema, value);
    if (!result.success)
      throw malformed(
        `${this.#type}: ${result.issues
          .map((issue) => `${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`)
          .join('; ')
          .slice(0, bounds.quotedIssueCharacters)}`,
      );
    return result.output;
  }

  /** A copy, which stays valid when the payload's memory moves to a thread. */
  copy(count: number): Uint8Array {
    return new Uint8Array(this.#take(count));
  }

  /** All remaining bytes, as a view: the frame's payload has memory of its own. */
  rest(): Uint8Array {
    return this.#take(this.leftBytes);
  }

  expectEnd(): void {
    if (this.leftBytes > 0) throw malformed(`${this.#type} with ${this.leftBytes} bytes too many`);
  }

  #take(count: number): Buffer {
    const end = this.#position + count;
    if (end > this.#bytes.byteLength) throw malformed(`${this.#type} that ends too early`);
    const part = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return part;
  }
}

/** The user of the local side reads this sentence: the agent of a run over ssh is the first to see the versions of both. */
function requireProtocol(value: unknown): void {
  const { protocol } = (value ?? {}) as { readonly protocol?: unknown };
  if (!Number.isSafeInteger(protocol) || protocol === protocolVersion) return;
  throw new BasynError(
    'protocol',
    `Basyn on the remote host speaks version ${protocolVersion} of its protocol, and this one version ${Number(protocol)}: ` +
      'install the same version of Basyn on both hosts.',
  );
}

function parseJson(type: Message['type'], bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch (cause) {
    throw malformed(`${type} that is not JSON`, cause);
  }
}

function malformed(what: string, cause?: unknown): BasynError {
  return new BasynError('protocol', `The peer sent ${what}.`, {}, { cause });
}
