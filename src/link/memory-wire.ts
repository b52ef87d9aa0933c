import { Transform, type TransformCallback } from 'node:stream';

/** A stream in memory. It copies its bytes, like a pipe, because the sender reuses its memory. */
export class MemoryWire extends Transform {
  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    done(null, Buffer.from(bytes));
  }
}
