import { Transform, type TransformCallback } from 'node:stream';
import { makeRandom, type Random } from '../../rig/images/random.ts';

/**
 * A stream that divides its bytes into pieces of random length, whatever their meaning. It is slow: it applies
 * back-pressure to its writer.
 */
export class CuttingWire extends Transform {
  carriedBytes = 0;
  readonly #random: Random;
  readonly #longestBytes: number;

  constructor(seed: number, longestBytes: number) {
    super({ highWaterMark: 1 });
    this.#random = makeRandom(seed);
    this.#longestBytes = longestBytes;
  }

  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    this.carriedBytes += bytes.length;
    for (let start = 0; start < bytes.length;) {
      const end = start + 1 + this.#random.below(this.#longestBytes);
      this.push(Buffer.from(bytes.subarray(start, end)));
      start = end;
    }
    setImmediate(done);
  }
}
