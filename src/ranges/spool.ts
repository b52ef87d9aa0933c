import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import type { Extent } from '../digest/extent.ts';

const rangeBytes = 16;
/** Ranges in memory, of a spool that is written or read. */
const blockRanges = 4096;

/**
 * Ascending ranges without overlap, in a file without a name: nothing is left of it, however the process ends. Ranges that touch
 * are joined. Its methods throw the errors of the system.
 */
export class Spool {
  readonly #fd: number;
  readonly #block = new Float64Array(2 * blockRanges);
  #blockCount = 0;
  #writtenBytes = 0;
  #startBytes = 0;
  #endBytes = 0;

  /** @param path of a file that does not exist. Its directory has room for the ranges. */
  constructor(path: string) {
    this.#fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
  }

  /** The end of the last range. */
  get endBytes(): number {
    return this.#endBytes;
  }

  /** @param extent begins at {@link endBytes} or behind it. */
  add({ offsetBytes, lengthBytes }: Extent): void {
    if (offsetBytes > this.#endBytes) {
      this.#keep();
      this.#startBytes = offsetBytes;
    }
    this.#endBytes = offsetBytes + lengthBytes;
  }

  /** All ranges, in order. Nothing may be added meanwhile. */
  *ranges(): Generator<Extent, void> {
    this.#keep();
    this.#flush();
    this.#startBytes = this.#endBytes;
    for (let atBytes = 0; atBytes < this.#writtenBytes; atBytes += this.#block.byteLength) {
      const count = Math.min(blockRanges, (this.#writtenBytes - atBytes) / rangeBytes);
      const block = this.#block.slice(0, 2 * count);
      readAll(this.#fd, new Uint8Array(block.buffer), atBytes);
      for (let at = 0; at < block.length; at += 2) {
        yield { offsetBytes: block[at]!, lengthBytes: block[at + 1]! };
      }
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #keep(): void {
    if (this.#endBytes === this.#startBytes) return;
    this.#block[2 * this.#blockCount] = this.#startBytes;
    this.#block[2 * this.#blockCount + 1] = this.#endBytes - this.#startBytes;
    this.#blockCount++;
    if (this.#blockCount === blockRanges) this.#flush();
  }

  #flush(): void {
    const bytes = new Uint8Array(this.#block.buffer, 0, this.#blockCount * rangeBytes);
    writeAll(this.#fd, bytes, this.#writtenBytes);
    this.#writtenBytes += bytes.byteLength;
    this.#blockCount = 0;
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
