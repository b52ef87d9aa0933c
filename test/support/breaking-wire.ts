import { Transform, type TransformCallback } from 'node:stream';

/** A stream that breaks, with all others of its link, after a number of bytes. */
export class BreakingWire extends Transform {
  readonly #budget: { bytes: number };

  constructor(budget: { bytes: number }) {
    super();
    this.#budget = budget;
  }

  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    this.#budget.bytes -= bytes.length;
    if (this.#budget.bytes < 0) {
      this.destroy();
      done();
      return;
    }
    this.push(Buffer.from(bytes));
    setImmediate(done);
  }
}
