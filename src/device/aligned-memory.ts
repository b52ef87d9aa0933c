/** The part that is used here. TypeScript declares it only for browsers. */
declare const WebAssembly:
  { Memory: new (pages: { initial: number }) => { buffer: ArrayBuffer } } | undefined;

/** A WebAssembly memory is allocated in these pages. */
const wasmPageBytes = 64 * 1024;

/**
 * Zeroed memory that begins at a page boundary, as direct I/O requires. A WebAssembly memory is the only such memory in
 * node.
 *
 * @returns undefined if node runs without WebAssembly (`--jitless`), or if the address space that such a memory reserves
 *   (some GiB) exceeds a limit (`ulimit -v`).
 */
export function alignedMemory(sizeBytes: number): Uint8Array | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  try {
    const memory = new WebAssembly.Memory({ initial: Math.ceil(sizeBytes / wasmPageBytes) });
    return new Uint8Array(memory.buffer);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
