import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import type { Extent } from '../digest/extent.ts';
import { tuning } from '../limits.ts';

/**
 * Ascending ranges without overlap, in a file without a name: nothing is left of it, however the process ends. Ranges that touch
 * are joined. Its methods throw the errors of the system.
 */
export class Spool {
  readonly #fd: number;
  /**
   * A plain object, because private fields that are counted up one by one are slow in the built program, and there may be millions of
   * ranges.
   */
  readonly #state = {
    block: new Float64Array(2 * tuning.rangeList.blockRanges),
    /** Numbers in the block. */
    blockLength: 0,
    writtenBytes: 0,
    /** Of the last range, which may still grow. */
    startBytes: 0,
    endBytes: 0,
  };

  /** @param path of a file that does not exist. Its directory has room for the ranges. */
  constructor(path: string) {
    this.#fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
  }

  /** The end of the last range. */
  get endBytes(): number {
    return this.#state.endBytes;
  }

  /** Adds a range that begins at {@link endBytes} or behind it. */
  add(offsetBytes: number, lengthBytes: number): void {
    const state = this.#state;
    if (offsetBytes > state.endBytes) {
      this.#keepLast();
      state.startBytes = offsetBytes;
    }
    state.endBytes = offsetBytes + lengthBytes;
  }

  /** All ranges, in order. Nothing may be added afterwards. */
  *ranges(): Generator<Extent, void> {
    this.#keepLast();
    this.#flush();
    const { block, writtenBytes } = this.#state;
    for (let atBytes = 0; atBytes < writtenBytes; atBytes += block.byteLength) {
      const part = new Float64Array(
        Math.min(block.byteLength, writtenBytes - atBytes) / block.BYTES_PER_ELEMENT,
      );
      readAll(this.#fd, new Uint8Array(part.buffer), atBytes);
      for (let at = 0; at < part.length; at += 2) {
        yield { offsetBytes: part[at]!, lengthBytes: part[at + 1]! };
      }
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #keepLast(): void {
    const state = this.#state;
    const { block, startBytes, endBytes, blockLength } = state;
    if (endBytes === startBytes) return;
    block[blockLength] = startBytes;
    block[blockLength + 1] = endBytes - startBytes;
    state.blockLength = blockLength + 2;
    state.startBytes = endBytes;
    if (state.blockLength === block.length) this.#flush();
  }

  #flush(): void {
    const state = this.#state;
    const bytes = new Uint8Array(state.block.buffer, 0, state.blockLength * state.block.BYTES_PER_ELEMENT);
    writeAll(this.#fd, bytes, state.writtenBytes);
    state.writtenBytes += bytes.byteLength;
    state.blockLength = 0;
  }
}

/** What is in at least one of two lists, each of which ascends without overlap. Ranges that touch are joined. */
export function* unionOfLists(a: Iterable<Extent>, b: Iterable<Extent>): Generator<Extent, void> {
  const [first, second] = [a[Symbol.iterator](), b[Symbol.iterator]()];
  let [nextA, nextB] = [first.next(), second.next()];
  let [startBytes, endBytes] = [0, 0];
  for (;;) {
    const isA =
      nextA.done !== true && (nextB.done === true || nextA.value.offsetBytes <= nextB.value.offsetBytes);
    const next = isA ? nextA : nextB;
    if (next.done === true) break;
    const { offsetBytes, lengthBytes } = next.value;
    if (offsetBytes > endBytes) {
      if (endBytes > startBytes) yield { offsetBytes: startBytes, lengthBytes: endBytes - startBytes };
      startBytes = offsetBytes;
    }
    endBytes = Math.max(endBytes, offsetBytes + lengthBytes);
    if (isA) nextA = first.next();
    else nextB = second.next();
  }
  if (endBytes > startBytes) yield { offsetBytes: startBytes, lengthBytes: endBytes - startBytes };
}

/** Writes all bytes at an offset of a file. */
export function writeAll(fd: number, bytes: Uint8Array, offsetBytes: number): void {
  let doneBytes = 0;
  while (doneBytes < bytes.byteLength) {
    doneBytes += writeSync(fd, bytes, doneBytes, bytes.byteLength - doneBytes, offsetBytes + doneBytes);
  }
}

function readAll(fd: number, into: Uint8Array, offsetBytes: number): void {
  let doneBytes = 0;
  while (doneBytes < into.byteLength) {
    const countBytes = readSync(fd, into, doneBytes, into.byteLength - doneBytes, offsetBytes + doneBytes);
    if (countBytes === 0) throw new Error('a spool has lost what was written to it');
    doneBytes += countBytes;
  }
}
