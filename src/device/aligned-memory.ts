/** As much of it as is used here: TypeScript has it among the types for browsers only. */
declare const WebAssembly:
  { Memory: new (pages: { initial: number }) => { buffer: ArrayBuffer } } | undefined;

/** The largest `alignmentBytes` of a handle; also the page of a WebAssembly memory. */
export const maxAlignmentBytes = 64 * 1024;

/**
 * Zeroed memory that begins at a page of the machine, as direct I/O demands. Node has no other way to get some
 * than a WebAssembly memory.
 *
 * @returns undefined where node runs without WebAssembly (`--jitless`), or where the address space that such a memory
 *   reserves (some GiB) is over a limit (`ulimit -v`).
 */
export function alignedMemory(sizeBytes: number): Uint8Array | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  try {
    const memory = new WebAssembly.Memory({ initial: Math.ceil(sizeBytes / maxAlignmentBytes) });
    return new Uint8Array(memory.buffer);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
