import assert from 'node:assert/strict';
import type { OnReadOpts } from 'node:net';

const SLAB_BYTES = 1024 * 1024;
/** A slab with less free space than this is not read into again. */
const READ_BYTES_MIN = 64 * 1024;

/** Lets a socket read into pooled memory, each read behind the one before. */
export class Intake {
  onRead: (piece: Piece) => void = () => undefined;
  readonly #readBytesMax: number;
  #slab = Slab.take();

  constructor(readBytesMax: number) {
    this.#readBytesMax = readBytesMax;
  }

  /** The socket's `onread` option. */
  readonly onread: OnReadOpts = {
    buffer: () => {
      if (this.#slab.room.length < READ_BYTES_MIN) {
        this.#slab.release();
        this.#slab = Slab.take();
      }
      return this.#slab.room.subarray(0, this.#readBytesMax);
    },
    callback: (bytesRead) => {
      this.onRead(new Piece(this.#slab.fill(bytesRead), this.#slab));
      return true;
    },
  };
}

/** Bytes of a slab that are in transit; released once they are written. */
export class Piece {
  readonly bytes: Buffer;
  readonly #slab: Slab;

  constructor(bytes: Buffer, slab: Slab) {
    this.bytes = bytes;
    this.#slab = slab;
    slab.retain();
  }

  release(): void {
    this.#slab.release();
  }
}

/** Memory that reads fill from the front. It is reused when no holder is left. */
export class Slab {
  static readonly #free: Slab[] = [];
  readonly #memory = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #filledBytes = 0;
  #holders = 0;

  /** An empty slab, held once. */
  static take(): Slab {
    const slab = Slab.#free.pop() ?? new Slab();
    slab.#filledBytes = 0;
    slab.retain();
    return slab;
  }

  get room(): Buffer {
    return this.#memory.subarray(this.#filledBytes);
  }

  /** Marks this number of bytes at the front of the free space as read, and returns them. */
  fill(bytes: number): Buffer {
    const filled = this.room.subarray(0, bytes);
    this.#filledBytes += bytes;
    return filled;
  }

  retain(): void {
    this.#holders += 1;
  }

  release(): void {
    assert(this.#holders > 0);
    this.#holders -= 1;
    if (this.#holders === 0) Slab.#free.push(this);
  }
}
