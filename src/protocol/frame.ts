import { createHash } from 'node:crypto';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import { typeNumbers } from './messages.ts';

/**
 * A frame is the unit on the wire: a header of 20 bytes, then the payload.
 *
 * | offset | bytes | meaning                                                       |
 * | ------ | ----- | ------------------------------------------------------------- |
 * | 0      | 2     | `0xBA57`: tells a frame from stray text                       |
 * | 2      | 1     | type, see messages.ts                                         |
 * | 3      | 1     | the type's complement                                         |
 * | 4      | 4     | length of the payload, big-endian                             |
 * | 8      | 4     | the length's complement                                       |
 * | 12     | 8     | check of the payload, see {@link checkOf}                     |
 *
 * The receiver detects any altered bit of a header before it waits for the payload. So an altered length cannot make it
 * wait for bytes that never arrive.
 */
export interface Frame {
  readonly type: number;
  /** It has memory of its own, which may move to a thread. */
  readonly payload: Uint8Array;
}

export const frameHeaderBytes = 20;
const frameMark = 0xba57;
const checkStart = 12;
const checkBytes = frameHeaderBytes - checkStart;
const noCheck = Buffer.alloc(checkBytes);

/** The header for a payload in these parts. */
export function encodeFrameHeader(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const payloadBytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt16BE(frameMark, 0);
  header.writeUInt8(type, 2);
  header.writeUInt8(complementOfByte(type), 3);
  header.writeUInt32BE(payloadBytes, 4);
  header.writeUInt32BE(complementOfWord(payloadBytes), 8);
  header.set(checkOf(type, parts), checkStart);
  return header;
}

/** The first bytes of the payload's SHA-256. Zeros for data, which has a digest of its own. */
function checkOf(type: number, parts: readonly Uint8Array[]): Buffer {
  if (type === typeNumbers.data) return noCheck;
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest().subarray(0, checkBytes);
}

function complementOfByte(byte: number): number {
  return byte ^ 0xff;
}

function complementOfWord(word: number): number {
  return ~word >>> 0;
}

/** Provides memory for the payload of a frame of this type. */
export type MemoryFor = (type: number, lengthBytes: number) => Uint8Array;

/** Not zeroed, because it is filled before it is read. Not from node's pool, because it may move to a thread. */
export function newMemory(lengthBytes: number): Uint8Array {
  return Buffer.allocUnsafeSlow(lengthBytes);
}

/**
 * Cuts a stream of bytes into frames. Pure: bytes in, frames out. The frames do not depend on how the stream is cut into
 * chunks. It never allocates more than `bounds.maxPayloadBytes` and a header.
 */
export class FrameDecoder {
  readonly #memoryFor: MemoryFor;
  readonly #header = Buffer.alloc(frameHeaderBytes);
  #headerBytes = 0;
  #payload: Uint8Array | undefined;
  #payloadBytes = 0;

  constructor(memoryFor: MemoryFor = (_type, lengthBytes) => newMemory(lengthBytes)) {
    this.#memoryFor = memoryFor;
  }

  /** True between two frames. A stream that ends elsewhere is incomplete. */
  get isIdle(): boolean {
    return this.#headerBytes === 0;
  }

  /**
   * The missing part of the current payload. The next bytes of the stream may be read straight into it, which saves a copy.
   * Undefined within a header.
   */
  get room(): Uint8Array | undefined {
    return this.#payload?.subarray(this.#payloadBytes);
  }

  /**
   * The frames that `bytes` complete. The bytes may already be in {@link room}.
   *
   * @throws {BasynError} `protocol`, where the bytes are not a frame. The decoder cannot be used after that.
   */
  *push(bytes: Uint8Array): Generator<Frame, void> {
    let rest = bytes;
    while (rest.byteLength > 0) {
      rest = this.#payload === undefined ? this.#fillHeader(rest) : this.#fillPayload(this.#payload, rest);
      if (this.#payload !== undefined && this.#payloadBytes === this.#payload.byteLength) {
        yield this.#takeFrame(this.#payload);
      }
    }
  }

  #fillHeader(bytes: Uint8Array): Uint8Array {
    const part = bytes.subarray(0, frameHeaderBytes - this.#headerBytes);
    this.#header.set(part, this.#headerBytes);
    this.#headerBytes += part.byteLength;
    // At once: text may be shorter than a header, and nothing would follow it.
    if (this.#headerBytes >= 2) this.#expectMark();
    if (this.#headerBytes === frameHeaderBytes) this.#payload = this.#payloadMemory();
    return bytes.subarray(part.byteLength);
  }

  #expectMark(): void {
    if (this.#header.readUInt16BE(0) === frameMark) return;
    throw new BasynError('protocol', 'The peer sent something that is not a frame of Basyn.');
  }

  #payloadMemory(): Uint8Array {
    const type = this.#header.readUInt8(2);
    const payloadBytes = this.#header.readUInt32BE(4);
    const isIntact =
      this.#header.readUInt8(3) === complementOfByte(type) &&
      this.#header.readUInt32BE(8) === complementOfWord(payloadBytes);
    if (!isIntact) throw new BasynError('protocol', 'The header of a frame arrived corrupted.');
    if (payloadBytes > bounds.maxPayloadBytes) {
      throw new BasynError(
        'protocol',
        `The peer announced a frame of ${payloadBytes} bytes; the limit is ${bounds.maxPayloadBytes}.`,
      );
    }
    return this.#memoryFor(type, payloadBytes);
  }

  #fillPayload(payload: Uint8Array, bytes: Uint8Array): Uint8Array {
    const part = bytes.subarray(0, payload.byteLength - this.#payloadBytes);
    const isInPlace =
      part.buffer === payload.buffer && part.byteOffset === payload.byteOffset + this.#payloadBytes;
    if (!isInPlace) payload.set(part, this.#payloadBytes);
    this.#payloadBytes += part.byteLength;
    return bytes.subarray(part.byteLength);
  }

  #takeFrame(payload: Uint8Array): Frame {
    const type = this.#header.readUInt8(2);
    if (!checkOf(type, [payload]).equals(this.#header.subarray(checkStart))) {
      throw new BasynError('protocol', `A frame of type ${type} arrived corrupted.`);
    }
    this.#headerBytes = 0;
    this.#payload = undefined;
    this.#payloadBytes = 0;
    return { type, payload };
  }
}
