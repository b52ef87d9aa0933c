import { makeRandom } from './random.ts';

/** Noise, text and zeros in stretches of up to 40 kB; the same seed gives the same bytes. */
export function mixedBytes(sizeBytes: number, seed: number): Buffer {
  const random = makeRandom(seed);
  const bytes = Buffer.alloc(sizeBytes);
  for (let start = 0; start < sizeBytes;) {
    const part = bytes.subarray(start, start + 1 + random.below(40_000));
    const kind = random.below(3);
    if (kind === 0) random.fill(part);
    if (kind === 1) random.fillWithText(part);
    start += part.length;
  }
  return bytes;
}
