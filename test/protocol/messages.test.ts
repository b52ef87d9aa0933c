import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { bounds } from '../../src/limits.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { FrameDecoder, frameHeaderBytes } from '../../src/protocol/frame.ts';
import { typeNumbers, type DataMessage, type Message } from '../../src/protocol/messages.ts';
import { outcomeOf } from '../support/failure.ts';
import { encoded, message } from './messages.fixture.ts';

describe('a message', () => {
  test('is decoded to what was encoded', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(plain(decodeWire(encoded(sent)))).toEqual(plain(sent));
      }),
      { numRuns: 1000 },
    );
  });

  test('has a type number of its own', () => {
    const numbers = Object.values(typeNumbers);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test('fits into a frame at its largest', () => {
    const extents = Array.from({ length: bounds.dataFrameExtents }, (_, index) => ({
      offsetBytes: index * 4096,
      lengthBytes: 1024,
    }));
    const payload = Buffer.alloc(bounds.dataFrameBytes, 'payload');
    const data = decodeWire(
      encoded({ type: 'data', encoding: 'none', digest: new Uint8Array(16), extents, payload }),
    ) as DataMessage;
    expect(data.extents).toEqual(extents);
    expect(payload.equals(data.payload)).toBe(true);
    const asked = Array.from({ length: bounds.askExtents }, (_, index) => ({
      offsetBytes: index,
      lengthBytes: 1,
    }));
    const ask: Message = { type: 'ask', id: 1, stepBytes: 4096, extents: asked };
    expect(decodeWire(encoded(ask))).toEqual(ask);
  });
});

describe('a malformed message', () => {
  const typeNumber = fc.integer({ min: 0, max: 22 });
  const change = fc.record({
    kind: fc.constantFrom('flip', 'cut', 'extend', 'retype'),
    at: fc.nat(),
    value: fc.integer({ min: 1, max: 255 }),
  });

  test('is a protocol error or another valid message, whatever its altered bytes', () => {
    fc.assert(
      fc.property(message, fc.array(change, { minLength: 1, maxLength: 4 }), (sent, changes) => {
        const frame = { type: typeNumbers[sent.type], payload: payloadOf(sent) };
        expectHarmless(changes.reduce(changed, frame));
      }),
      { numRuns: 1000 },
    );
  });

  test('is a protocol error or a valid message, whatever its payload', () => {
    fc.assert(
      fc.property(typeNumber, fc.uint8Array({ maxLength: 60 }), (type, payload) => {
        expectHarmless({ type, payload });
      }),
      { numRuns: 1000 },
    );
  });

  test('is a protocol error or a valid message, whatever the values in its JSON', () => {
    const jsonMessage = message.filter(({ type }) => isJson(type));
    fc.assert(
      fc.property(jsonMessage, fc.nat(), fc.option(fc.jsonValue()), (sent, which, value) => {
        const fields = JSON.parse(payloadOf(sent).toString()) as Record<string, unknown>;
        const names = Object.keys(fields);
        fields[names[which % names.length]!] = value;
        expectHarmless({ type: typeNumbers[sent.type], payload: Buffer.from(JSON.stringify(fields)) });
      }),
      { numRuns: 1000 },
    );
  });

  const uint64 = (value: bigint): Buffer => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigUInt64BE(value);
    return buffer;
  };
  const runs = (flag: number, numbers: bigint[]): Buffer =>
    Buffer.concat([Buffer.from([flag]), ...numbers.map(uint64)]);
  const extent = (offset: bigint, length: number): Buffer => {
    const buffer = Buffer.alloc(12);
    buffer.writeBigUInt64BE(offset);
    buffer.writeUInt32BE(length, 8);
    return buffer;
  };
  const dataHead = (encoding: number, extents: number): Buffer =>
    Buffer.from([encoding, 0, extents >> 8, extents & 255]);
  const askHead = (extents: number): Buffer => {
    const buffer = Buffer.alloc(16);
    buffer.writeUInt32BE(extents, 12);
    return buffer;
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const open = {
    protocol: 2,
    path: '/dev/sdb',
    role: 'source',
    receiving: null,
    lanes: false,
    peerTimeoutMs: 1000,
  };

  test.each<[string, number, Buffer]>([
    ['of an unknown type', 99, Buffer.alloc(0)],
    ['with a number that a double cannot represent', typeNumbers.written, uint64(2n ** 53n)],
    ['with a number of 64 bits', typeNumbers.advance, uint64(2n ** 64n - 1n)],
    ['that ends in the middle of a number', typeNumbers.advance, Buffer.alloc(7)],
    ['with one byte too many', typeNumbers.advance, Buffer.alloc(9)],
    ['that should be empty', typeNumbers.ping, Buffer.alloc(1)],
    ['with data in an unknown encoding', typeNumbers.data, dataHead(9, 0)],
    ['with fewer extents than announced', typeNumbers.data, Buffer.concat([dataHead(1, 2), extent(0n, 1)])],
    ['with an extent of no bytes', typeNumbers.data, Buffer.concat([dataHead(1, 1), extent(5n, 0)])],
    [
      'with an extent past every device',
      typeNumbers.data,
      Buffer.concat([dataHead(1, 1), extent(2n ** 53n - 2n, 9)]),
    ],
    [
      'with an extent that wraps around',
      typeNumbers.data,
      Buffer.concat([dataHead(1, 1), extent(2n ** 64n - 1n, 2)]),
    ],
    [
      'with more extents than a data frame may have',
      typeNumbers.data,
      dataHead(1, bounds.dataFrameExtents + 1),
    ],
    ['with more extents than a question may have', typeNumbers.ask, askHead(bounds.askExtents + 1)],
    ['with 4 billion extents', typeNumbers.ask, askHead(0xffff_ffff)],
    ['with an unknown flag in front of its runs', typeNumbers.cover, runs(2, [])],
    ['with half a run', typeNumbers.cover, runs(1, [0n, 1n, 5n])],
    ['with a run of no buffers', typeNumbers.cover, runs(1, [3n, 0n])],
    ['with runs out of order', typeNumbers.cover, runs(1, [3n, 1n, 1n, 1n])],
    ['with runs that overlap', typeNumbers.cover, runs(1, [3n, 5n, 6n, 1n])],
    ['with runs that touch', typeNumbers.cover, runs(1, [3n, 5n, 8n, 1n])],
    ['with a run past every device', typeNumbers.cover, runs(1, [2n ** 53n - 1n, 1n])],
    [
      'with more runs than it may have',
      typeNumbers.cover,
      Buffer.alloc(1 + 16 * (bounds.coverMessageRuns + 1)),
    ],
    ['that is not JSON', typeNumbers.open, Buffer.from('{"protocol":1')],
    ['that is JSON, but no object', typeNumbers.open, json(null)],
    ['of another protocol version', typeNumbers.open, json({ ...open, protocol: 3 })],
    [
      'with a path longer than any',
      typeNumbers.open,
      json({ ...open, path: 'x'.repeat(bounds.maxPathBytes + 1) }),
    ],
    ['with an empty path', typeNumbers.open, json({ ...open, path: '' })],
    ['with a timeout of 0', typeNumbers.open, json({ ...open, peerTimeoutMs: 0 })],
    ['with a negative size', typeNumbers.finished, json({ writtenBytes: -1 })],
    ['with half a byte', typeNumbers.finished, json({ writtenBytes: 0.5 })],
    ['with a size past every device', typeNumbers.finished, json({ writtenBytes: 2 ** 53 })],
    ['of more JSON than any message needs', typeNumbers.finished, Buffer.alloc(bounds.maxJsonBytes + 1, ' ')],
  ])('%s is refused', (_, type, payload) => {
    const outcome = outcomeOf(() => decodeMessage({ type, payload }));
    expect(outcome).toBeInstanceOf(BasynError);
    expect(outcome).toMatchObject({ code: 'protocol' });
  });

  test.each<[string, Buffer]>([
    ['is of another protocol version', json({ ...open, protocol: 3 })],
    ['lacks everything', json({})],
    ['is cut off', json(open).subarray(0, 20)],
  ])('that %s is refused in one sentence', (_, payload) => {
    const { message: sentence } = outcomeOf(() =>
      decodeMessage({ type: typeNumbers.open, payload }),
    ) as BasynError;
    expect(sentence).toMatch(/^(The peer sent|Basyn on the remote host speaks version 2) [^\n]+\.$/);
  });

  test.each([['a remedy of a later version'], [null], [{ code: 'create' }]])(
    'with a failure whose remedy is unknown is accepted without the remedy: %j',
    (remedy) => {
      const failure = { code: 'refused', message: 'It is in use.', side: 'remote' };
      const payload = json({ ...failure, remedy });
      expect(decodeMessage({ type: typeNumbers.failure, payload })).toStrictEqual({
        type: 'failure',
        ...failure,
      });
    },
  );

  interface RawFrame {
    readonly type: number;
    readonly payload: Uint8Array;
  }

  function changed(
    { type, payload }: RawFrame,
    { kind, at, value }: { kind: string; at: number; value: number },
  ): RawFrame {
    const bytes = Buffer.from(payload);
    const index = bytes.length === 0 ? 0 : at % bytes.length;
    if (kind === 'retype') return { type: at % 20, payload: bytes };
    if (kind === 'cut') return { type, payload: bytes.subarray(0, index) };
    if (kind === 'extend')
      return { type, payload: Buffer.concat([bytes, Buffer.alloc(1 + (at % 5), value)]) };
    if (bytes.length > 0) bytes[index]! ^= value;
    return { type, payload: bytes };
  }

  /** Refused in one sentence, or a message that its own encoder and decoder agree on. */
  function expectHarmless(frame: RawFrame): void {
    const outcome = outcomeOf(() => decodeMessage(frame));
    if (outcome instanceof BasynError) {
      expect(outcome.code).toBe('protocol');
      expect(outcome.message.length).toBeLessThan(400);
    } else {
      expect(plain(decodeWire(encoded(outcome)))).toEqual(plain(outcome));
    }
  }
});

function isJson(type: Message['type']): boolean {
  return ['open', 'opened', 'begin', 'finish', 'finished', 'failure', 'closed'].includes(type);
}

function decodeWire(wire: Buffer): Message {
  const [frame, ...others] = [...new FrameDecoder().push(wire)];
  expect(others).toEqual([]);
  return decodeMessage(frame!);
}

function payloadOf(sent: Message): Buffer {
  return encoded(sent).subarray(frameHeaderBytes);
}

/** A message without differences that are not transferred: -0, prototypes, and kinds of byte arrays. */
function plain(message: Message): unknown {
  return JSON.parse(
    JSON.stringify(message, (_, value: unknown) =>
      value instanceof Uint8Array || isBufferJson(value)
        ? Buffer.from(value as Uint8Array).toString('hex')
        : value,
    ),
  );
}

function isBufferJson(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'Buffer';
}
