export function isZero(bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // A buffer that equals itself shifted by one byte has the same value throughout. This takes one memcmp and no memory.
  return view.length === 0 || (view[0] === 0 && view.compare(view, 1, view.length, 0, view.length - 1) === 0);
}

let shared = new Uint8Array(0);

/**
 * Zero bytes, to be read only: all callers share them. New memory costs a page fault and zeroing for each page, which is
 * expensive on virtual machines, and it is never in the processor's cache.
 */
export function zeroBytes(lengthBytes: number): Uint8Array {
  if (shared.byteLength < lengthBytes) shared = new Uint8Array(lengthBytes);
  return shared.subarray(0, lengthBytes);
}
