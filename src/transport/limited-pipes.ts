import { pipeline, Transform, Writable, type Readable, type TransformCallback } from 'node:stream';
import type { RateLimit } from './rate-limit.ts';

/**
 * Writes to a pipe at a limited rate. Each piece waits for its turn, and until the pipe has taken the piece before it: a
 * link that is slower than the limit holds the writer back as it would without a limit.
 *
 * @param over ends the limit: the rest is written as fast as the pipe takes it.
 */
export function limitedWritable(pipe: Writable, limit: RateLimit, over: AbortSignal): Writable {
  return new LimitedWritable(pipe, limit, over);
}

/** Reads from a pipe at a limited rate. A pipe that is not read holds its writer back. */
export function limitedReadable(pipe: Readable, limit: RateLimit, over: AbortSignal): Readable {
  // The errors of either stream reach the listeners of the limited one.
  return pipeline(pipe, new RateTransform(limit, over), () => undefined);
}

class LimitedWritable extends Writable {
  readonly #pipe: Writable;
  readonly #limit: RateLimit;
  readonly #over: AbortSignal;

  constructor(pipe: Writable, limit: RateLimit, over: AbortSignal) {
    super();
    this.#pipe = pipe;
    this.#limit = limit;
    this.#over = over;
    pipe.on('close', () => this.destroy());
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#passOn(bytes).then(() => done(), done);
  }

  override _final(done: () => void): void {
    this.#pipe.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#pipe.destroy();
    done(error);
  }

  async #passOn(bytes: Buffer): Promise<void> {
    for (const piece of piecesOf(bytes, this.#limit)) {
      await this.#limit.passes(piece.byteLength, this.#over);
      await written(this.#pipe, piece);
    }
  }
}

class RateTransform extends Transform {
  readonly #limit: RateLimit;
  readonly #over: AbortSignal;

  constructor(limit: RateLimit, over: AbortSignal) {
    super();
    this.#limit = limit;
    this.#over = over;
  }

  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    this.#passOn(bytes).then(() => done(), done);
  }

  async #passOn(bytes: Buffer): Promise<void> {
    for (const piece of piecesOf(bytes, this.#limit)) {
      await this.#limit.passes(piece.byteLength, this.#over);
      if (this.destroyed) return;
      this.push(piece);
    }
  }
}

function* piecesOf(bytes: Buffer, { pieceBytes }: RateLimit): Generator<Buffer> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** Resolves when the pipe has taken the bytes, so that their memory may be used again. */
function written(pipe: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    pipe.write(bytes, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
