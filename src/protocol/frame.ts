import { BasynError } from '../errors.ts';
import { limits } from '../limits.ts';

/**
 * A frame is the unit on the wire: a header of 8 bytes, then the payload.
 *
 * | offset | bytes | meaning                                  |
 * | ------ | ----- | ---------------------------------------- |
 * | 0      | 2     | `0xBA57`: tells a frame from stray text  |
 * | 2      | 1     | type, see messages.ts                    |
 * | 3      | 1     | 0                                        |
 * | 4      | 4     | length of the payload, big-endian        |
 */
export interface Frame {
  readonly type: number;
  /** Memory of its own: it may be transferred to a thread. */
  readonly payload: Uint8Array;
}

export const frameHeaderBytes = 8;
const frameMark = 0xba57;

/** The header for a payload of `payloadBytes`. */
export function encodeFrameHeader(type: number, payloadBytes: number): Uint8Array {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt16BE(frameMark, 0);
  header.writeUInt8(type, 2);
  header.writeUInt32BE(payloadBytes, 4);
  return header;
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
    if (this.#headerBytes === frameHeaderBytes) this.#payload = this.#payloadMemory();
    return bytes.subarray(part.byteLength);
  }

  #payloadMemory(): Uint8Array {
    if (this.#header.readUInt16BE(0) !== frameMark || this.#header.readUInt8(3) !== 0) {
      throw new BasynError('protocol', 'The other side sent something that is not a frame of Basyn.');
    }
    const payloadBytes = this.#header.readUInt32BE(4);
    if (payloadBytes > limits.maxPayloadBytes) {
      throw new BasynError(
        'protocol',
        `The other side announced a frame of ${payloadBytes} bytes; the limit is ${limits.maxPayloadBytes}.`,
      );
    }
    return this.#memoryFor(this.#header.readUInt8(2), payloadBytes);
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
    this.#headerBytes = 0;
    this.#payload = undefined;
    this.#payloadBytes = 0;
    return { type, payload };
  }
}
