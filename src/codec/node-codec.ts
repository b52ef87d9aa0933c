import type { Zlib, ZlibReset } from 'node:zlib';

/**
 * The internal handle of the compression streams of node, unchanged since long before version 18. It is not documented, but
 * many packages use it, because the public functions allocate new memory for all output.
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
  /** The numbers of bytes of output and input that the last call left unused. */
  readonly _writeState?: Uint32Array;
}

/** Processes all of `input`, and writes at most as many bytes as fit into `output`. Returns the number of bytes written. */
export type Transform = (input: Uint8Array, output: Uint8Array) => number;

/**
 * Lets a stream of node write into memory of the caller. The memory that the public functions allocate soon becomes garbage.
 * Each thread of node collects it only when it reaches 32 MiB, which exceeds the memory limit with 8 threads.
 *
 * @param endFlag the flag that marks the end of the input: `Z_FINISH`, `ZSTD_e_end`.
 * @returns undefined if this version of node has other internals. The transform throws if the input is corrupted.
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

/** Memory that is reused, and grows if it is too small. */
export class Scratch {
  #memory = new Uint8Array(0);

  /** Memory of `lengthBytes` with undefined content. */
  take(lengthBytes: number): Uint8Array {
    if (this.#memory.byteLength < lengthBytes) this.#memory = new Uint8Array(lengthBytes);
    return this.#memory.subarray(0, lengthBytes);
  }
}
