import { encodings } from '../codec/encoding.ts';
import { extentTable } from '../digest/frame-digest.ts';
import { assert } from '../errors.ts';
import { bounds } from '../limits.ts';
import { encodeFrameHeader } from './frame.ts';
import { groupByteOf } from './frame-group.ts';
import {
  rangeKinds,
  typeNumbers,
  type AskMessage,
  type DataMessage,
  type Message,
  type RangesMessage,
  type WrittenMessage,
} from './messages.ts';

/** The message's frame, in consecutive parts. A payload is not copied. */
export function encodeMessage(message: Message): Uint8Array[] {
  const parts = payloadParts(message);
  const payloadBytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
  assert(payloadBytes <= bounds.maxPayloadBytes, `${message.type} of ${payloadBytes} bytes`);
  return [encodeFrameHeader(typeNumbers[message.type], parts), ...parts];
}

function payloadParts(message: Message): Uint8Array[] {
  switch (message.type) {
    case 'open':
    case 'opened':
    case 'begin':
    case 'finish':
    case 'finished':
    case 'failure':
    case 'closed':
    case 'trace':
    case 'checkpoint':
    case 'durable':
    case 'since':
    case 'changes':
    case 'keep':
      return [json(message)];
    case 'digests':
      return [number(message.firstBuffer), message.digests];
    case 'advance':
      return [message.doneBuffers, message.differingBytes].filter((value) => value !== undefined).map(number);
    case 'ask':
      return [askHead(message), extentTable(message.extents)];
    case 'answer':
      return [number(message.id), message.digests];
    case 'data':
      return [dataHead(message), message.digest, extentTable(message.extents), message.payload];
    case 'cover':
      return [Buffer.from([message.isLast ? 1 : 0]), numbers(message.runs)];
    case 'ranges':
      return rangesParts(message);
    case 'written':
      return writtenParts(message);
    case 'recorded':
    case 'ping':
    case 'pong':
    case 'bye':
    case 'flushing':
    case 'working':
      return [];
  }
}

/** Without the type, which is in the frame's header. */
function json({ type: _type, ...fields }: Message): Uint8Array {
  return Buffer.from(JSON.stringify(fields));
}

function numbers(values: Float64Array): Uint8Array {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, index) => bytes.writeBigUInt64BE(BigInt(value), 8 * index));
  return bytes;
}

function number(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function rangesParts({ kind, extents }: RangesMessage): Uint8Array[] {
  const pairs = new Float64Array(2 * extents.length);
  extents.forEach(({ offsetBytes, lengthBytes }, index) => pairs.set([offsetBytes, lengthBytes], 2 * index));
  return [Buffer.from([rangeKinds.indexOf(kind)]), numbers(pairs)];
}

function askHead({ id, stepBytes, extents }: AskMessage): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64BE(BigInt(id), 0);
  bytes.writeUInt32BE(stepBytes, 8);
  bytes.writeUInt32BE(extents.length, 12);
  return bytes;
}

function writtenParts({
  writtenBytes,
  payloadBytes,
  windowBytes = writtenBytes,
}: WrittenMessage): Uint8Array[] {
  const parts = [number(writtenBytes), number(payloadBytes)];
  return windowBytes === writtenBytes ? parts : [...parts, number(windowBytes)];
}

function dataHead({ encoding, extents, group }: DataMessage): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt8(encodings.indexOf(encoding), 0);
  bytes.writeUInt8(groupByteOf(group), 1);
  bytes.writeUInt16BE(extents.length, 2);
  return bytes;
}
