export function isZero(bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // A buffer that equals itself shifted by one byte has one value throughout: one memcmp, nothing to allocate.
  return view.length === 0 || (view[0] === 0 && view.compare(view, 1, view.length, 0, view.length - 1) === 0);
}
