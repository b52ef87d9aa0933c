import { Transform, type TransformCallback } from 'node:stream';

/** A wire in memory. It copies what goes through it, as the system's do: the memory behind is used again. */
export class MemoryWire extends Transform {
  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    done(null, Buffer.from(bytes));
  }
}
