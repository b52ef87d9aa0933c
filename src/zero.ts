export function isZero(bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // A buffer that equals itself shifted by one byte has one value throughout: one memcmp, nothing to allocate.
  return view.length === 0 || (view[0] === 0 && view.compare(view, 1, view.length, 0, view.length - 1) === 0);
}

let shared = new Uint8Array(0);

/**
 * So many zero bytes, to be read only: all who ask get the same. New memory costs a fault and its zeroing for each page,
 * which is dear on virtual machines, and it never lies in the processor's cache.
 */
export function zeroBytes(lengthBytes: number): Uint8Array {
  if (shared.byteLength < lengthBytes) shared = new Uint8Array(lengthBytes);
  return shared.subarray(0, lengthBytes);
}
