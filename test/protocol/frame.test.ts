import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { bounds } from '../../src/limits.ts';
import { encodeFrameHeader, FrameDecoder, frameHeaderBytes, type Frame } from '../../src/protocol/frame.ts';
import { typeNumbers } from '../../src/protocol/messages.ts';
import { outcomeOf } from '../support/failure.ts';

const frame = fc.record({
  type: fc.integer({ min: 0, max: 255 }),
  payload: fc.uint8Array({ maxLength: 300 }),
});
const frames = fc.array(frame, { maxLength: 12 });
/** Lengths of pieces, used over and over. */
const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 });

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe('the frame decoder', () => {
  test('finds the same frames, however the bytes are divided', () => {
    fc.assert(
      fc.property(frames, cuts, (sent, pieces) => {
        const decoder = new FrameDecoder();
        expect(plain(decodeAll(decoder, cutBytes(wireOf(sent), pieces)))).toEqual(plain(sent));
        expect(decoder.isIdle).toBe(true);
      }),
    );
  });

  test('finds the same frames if the bytes are read directly into its memory', () => {
    fc.assert(
      fc.property(frames, cuts, (sent, pieces) => {
        const decoder = new FrameDecoder();
        const found: Frame[] = [];
        let wire = wireOf(sent);
        for (let index = 0; wire.length > 0; index++) {
          const room = decoder.room ?? new Uint8Array(400);
          const bytes = wire.subarray(0, Math.min(room.length, pieces[index % pieces.length]!));
          room.set(bytes);
          found.push(...decoder.push(room.subarray(0, bytes.length)));
          wire = wire.subarray(bytes.length);
        }
        expect(plain(found)).toEqual(plain(sent));
        expect(decoder.isIdle).toBe(true);
      }),
    );
  });

  test.each([0, 1, bounds.maxPayloadBytes])('accepts a payload of %i bytes', (size) => {
    const payload = Buffer.alloc(size, 7);
    const [found, ...others] = decodeAll(new FrameDecoder(), [wireOf([{ type: 8, payload }])]);
    expect(others).toEqual([]);
    expect(found!.type).toBe(8);
    expect(payload.equals(found!.payload)).toBe(true);
  });

  test('detects a stream that was cut off, and returns the frames before that', () => {
    fc.assert(
      fc.property(frames, fc.nat(), (sent, where) => {
        const wire = wireOf(sent);
        const end = wire.length === 0 ? 0 : where % (wire.length + 1);
        const decoder = new FrameDecoder();
        const complete = sent.filter((_, index) => wireOf(sent.slice(0, index + 1)).length <= end);
        expect(plain(decodeAll(decoder, [wire.subarray(0, end)]))).toEqual(plain(complete));
        expect(decoder.isIdle).toBe(wireOf(complete).length === end);
      }),
    );
  });

  test('gives each payload its own memory, which can be transferred to a thread', () => {
    const wire = wireOf([
      { type: 1, payload: new Uint8Array([1, 2, 3]) },
      { type: 2, payload: new Uint8Array(5) },
    ]);
    const payloads = decodeAll(new FrameDecoder(), [wire]).map(({ payload }) => payload);
    expect(payloads.map(({ buffer, byteLength }) => buffer.byteLength - byteLength)).toEqual([0, 0]);
    expect(new Set([wire.buffer, ...payloads.map(({ buffer }) => buffer)]).size).toBe(3);
  });

  test('finds every altered bit, in the header before anything is allocated, or else in the payload', () => {
    const payload = Buffer.from('{"writtenBytes":4096}');
    const wire = wireOf([{ type: typeNumbers.finished, payload }]);
    for (let bit = 0; bit < wire.length * 8; bit++) {
      const altered = Buffer.from(wire);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      const memory = vi.fn(() => Buffer.alloc(payload.length));
      const outcome = outcomeOf(() => [...new FrameDecoder(memory).push(altered)]);
      expect(outcome, `bit ${bit}`).toMatchObject({ code: 'protocol' });
      if (bit < 12 * 8) expect(memory, `bit ${bit}`).not.toHaveBeenCalled();
    }
  });

  describe('any input that is not frames', () => {
    /** Bytes that begin like frames, so that more than the first two bytes are examined. */
    const hostileHeader = fc
      .tuple(
        fc.integer({ min: 0, max: 255 }),
        fc.constantFrom(0, 0, 0, 1, 255),
        fc.integer({ min: 0, max: 0xffff_ffff }),
      )
      .map(([type, reserved, length]) => {
        const header = headerOf(type, length);
        header[3]! ^= reserved;
        return header;
      });
    const corruption = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
    const corrupted = fc
      .tuple(frames, fc.array(corruption, { minLength: 1, maxLength: 5 }))
      .map(([sent, corruptions]) => {
        const wire = wireOf(sent);
        for (const { at, to } of corruptions) if (wire.length > 0) wire[at % wire.length] = to;
        return wire;
      });
    const garbage = fc
      .array(fc.oneof(hostileHeader, fc.uint8Array({ maxLength: 40 }), frames.map(wireOf)), { maxLength: 6 })
      .map((parts) => Buffer.concat(parts));

    test.each([
      ['a corrupted stream', corrupted],
      ['garbage', garbage],
      [
        'garbage between frames',
        fc.tuple(frames, garbage).map(([sent, noise]) => Buffer.concat([wireOf(sent), noise])),
      ],
    ])('%s gives frames or a protocol error, and allocates no more than the limit', (_, arbitrary) => {
      const allocations = countAllocations();
      fc.assert(
        fc.property(arbitrary, cuts, (wire, pieces) => {
          allocations.length = 0;
          const outcome = outcomeOf(() => decodeAll(new FrameDecoder(), cutBytes(wire, pieces)));
          if (outcome instanceof BasynError) expect(outcome.code).toBe('protocol');
          expect(Math.max(0, ...allocations)).toBeLessThanOrEqual(bounds.maxPayloadBytes);
          // One at a time: a frame's memory is allocated when its header is complete.
          expect(allocations.length).toBeLessThanOrEqual(wire.length / frameHeaderBytes);
        }),
        { numRuns: 300 },
      );
    });

    test.each([
      ['a shell’s greeting', Buffer.from('Welcome to Debian!\n')],
      [
        'a header whose type and its complement do not match',
        Buffer.from([0xba, 0x57, 1, 1, ...Buffer.alloc(16)]),
      ],
      ['a payload of one byte over the limit', headerOf(8, bounds.maxPayloadBytes + 1)],
      ['a payload of 4 GiB', headerOf(8, 0xffff_ffff)],
    ])('%s is refused at the header, before anything is allocated', (_, wire) => {
      const allocations = countAllocations();
      const outcome = outcomeOf(() => decodeAll(new FrameDecoder(), [wire]));
      expect(outcome).toMatchObject({ code: 'protocol' });
      expect(allocations).toEqual([]);
    });
  });
});

/** A header that announces this length, whatever follows. */
function headerOf(type: number, lengthBytes: number): Buffer {
  const header = Buffer.from(encodeFrameHeader(type, []));
  header.writeUInt32BE(lengthBytes, 4);
  header.writeUInt32BE(~lengthBytes >>> 0, 8);
  return header;
}

function wireOf(sent: readonly Frame[]): Buffer {
  return Buffer.concat(sent.flatMap(({ type, payload }) => [encodeFrameHeader(type, [payload]), payload]));
}

function decodeAll(decoder: FrameDecoder, pieces: Iterable<Uint8Array>): Frame[] {
  const found: Frame[] = [];
  for (const piece of pieces) found.push(...decoder.push(piece));
  return found;
}

function* cutBytes(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  let index = 0;
  for (let start = 0; start < bytes.byteLength; index++) {
    const length = lengths[index % lengths.length]!;
    yield bytes.subarray(start, start + length);
    start += length;
  }
}

/** Makes frames comparable, whatever the kind of byte array. */
function plain(found: readonly Frame[]): unknown {
  return found.map(({ type, payload }) => [type, Buffer.from(payload).toString('hex')]);
}

/** The sizes of all further allocations for more than a header, until the end of the test. */
function countAllocations(): number[] {
  const sizes: number[] = [];
  const note = (size: number): void => {
    if (size > frameHeaderBytes) sizes.push(size);
  };
  const counting = new Proxy(Uint8Array, {
    construct(target, args: unknown[], newTarget) {
      if (typeof args[0] === 'number') note(args[0]);
      return Reflect.construct(target, args, newTarget) as object;
    },
  });
  vi.stubGlobal('Uint8Array', counting);
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const allocate = Buffer[name].bind(Buffer);
    vi.spyOn(Buffer, name).mockImplementation((size: number) => {
      note(size);
      return allocate(size);
    });
  }
  return sizes;
}
