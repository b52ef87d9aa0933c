import type { Extent } from '../../src/digest/extent.ts';
import { loadFrameDigest } from '../../src/digest/frame-digest.ts';

const startFrameDigest = await loadFrameDigest();

/** The digest of a data frame that a test makes by hand. */
export function frameDigest(extents: readonly Extent[], content: Uint8Array): Uint8Array {
  const frame = startFrameDigest(extents);
  frame.update(content);
  return frame.digest();
}

/** The digest of a data frame of zeros. */
export function zeroFrameDigest(extents: readonly Extent[]): Uint8Array {
  return startFrameDigest(extents).digest();
}
