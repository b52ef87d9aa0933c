import { createHash } from 'node:crypto';
import { BasynError } from '../errors.ts';
import { limits } from '../limits.ts';
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
 * Any bit that is altered in a header is found before a byte of the payload is waited for: an altered length can't become
 * a wait for bytes that never come.
 */
export interface Frame {
  readonly type: number;
  /** Memory of its own: it may be transferred to a thread. */
  readonly payload: Uint8Array;
}

export const frameHeaderBytes = 20;
const frameMark = 0xba57;
const checkStart = 12;
const checkBytes = frameHeaderBytes - checkStart;
const noCheck = Buffer.alloc(checkBytes);

/** The header for a payload that consists of these parts. */
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

/** The first bytes of the payload's SHA-256; zeros for data, which carries a digest of its own. */
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

/** Gives memory for the payload of a frame of this type. */
export type MemoryFor = (type: number, lengthBytes: number) => Uint8Array;

/** Not zeroed, as it is filled before anybody sees it; and not from node's pool, as it may be transferred. */
export function newMemory(lengthBytes: number): Uint8Array {
  return Buffer.allocUnsafeSlow(lengthBytes);
}

/**
 * Cuts a stream of bytes into frames. Pure: bytes in, frames out. However the bytes are cut on the way, the
 * frames are the same; no more is ever allocated than `limits.maxPayloadBytes` and a header.
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

  /** True between two frames: a stream that ends elsewhere was cut. */
  get isIdle(): boolean {
    return this.#headerBytes === 0;
  }

  /**
   * Where the next bytes of the stream may be read to, so that they need no copy: what is missing of the payload
   * under way. Undefined in a header.
   */
  get room(): Uint8Array | undefined {
    return this.#payload?.subarray(this.#payloadBytes);
  }

  /**
   * The frames that `bytes` complete. They may stand in {@link room} already.
   *
   * @throws {BasynError} `protocol`, where the bytes are no frame. The decoder is of no use after that.
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
    // At once: text that is shorter than a header must not be waited on.
    if (this.#headerBytes >= 2) this.#expectMark();
    if (this.#headerBytes === frameHeaderBytes) this.#payload = this.#payloadMemory();
    return bytes.subarray(part.byteLength);
  }

  #expectMark(): void {
    if (this.#header.readUInt16BE(0) === frameMark) return;
    throw new BasynError('protocol', 'The other side sent something that is not a frame of Basyn.');
  }

  #payloadMemory(): Uint8Array {
    const type = this.#header.readUInt8(2);
    const payloadBytes = this.#header.readUInt32BE(4);
    const isIntact =
      this.#header.readUInt8(3) === complementOfByte(type) &&
      this.#header.readUInt32BE(8) === complementOfWord(payloadBytes);
    if (!isIntact) throw new BasynError('protocol', 'The header of a frame arrived corrupted.');
    if (payloadBytes > limits.maxPayloadBytes) {
      throw new BasynError(
        'protocol',
        `The other side announced a frame of ${payloadBytes} bytes; the limit is ${limits.maxPayloadBytes}.`,
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
