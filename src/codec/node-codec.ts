import type { Zlib, ZlibReset } from 'node:zlib';

/**
 * What is behind the (de)compression streams of node, since long before version 18. It is not documented, but many
 * packages use it, because the public functions take new memory for everything that they put out.
 */
interface Handle {
  onerror: (message: string, errno: number, code: string) => void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputBytes: number,
    output: Uint8Array,
    outputAt: number,
    outputBytes: number,
  ): void;
}

interface Internals {
  readonly _handle?: Partial<Handle> | null;
  /** Bytes of the output and of the input that the last call has left over. */
  readonly _writeState?: Uint32Array;
}

/** Reads all of `input`, and puts out at most as much as `output` has room for. Returns how much that is. */
export type Transform = (input: Uint8Array, output: Uint8Array) => number;

/**
 * Lets a stream of node write into memory that is given. The memory that the public functions take is garbage soon, but
 * each thread of node collects it only when there is 32 MiB of it: with 8 threads, more than we may use.
 *
 * @param endFlag what tells the stream that nothing follows: `Z_FINISH`, `ZSTD_e_end`.
 * @returns undefined, where node has become another inside. The transform throws where the input is damaged.
 */
export function transformOf(stream: Zlib & ZlibReset, endFlag: number): Transform | undefined {
  const { _handle: handle, _writeState: left } = stream as Internals;
  if (typeof handle?.writeSync !== 'function' || left === undefined) return undefined;
  return (input, output) => {
    stream.reset();
    let failure: string | undefined;
    handle.onerror = (message) => {
      failure = message;
    };
    handle.writeSync!(endFlag, input, 0, input.byteLength, output, 0, output.byteLength);
    if (failure !== undefined) throw new Error(failure);
    return output.byteLength - left[0]!;
  };
}

/** Memory that is used again, and grows where it is too small. */
export class Scratch {
  #memory = new Uint8Array(0);

  /** Room for `lengthBytes`. What stands in it is not defined. */
  take(lengthBytes: number): Uint8Array {
    if (this.#memory.byteLength < lengthBytes) this.#memory = new Uint8Array(lengthBytes);
    return this.#memory.subarray(0, lengthBytes);
  }
}
