import type { Encoding } from '../codec/encoding.ts';
import { bounds } from '../limits.ts';

/**
 * What a data frame counts in the data window. A frame of zeros takes no memory on either side, so it counts a small share
 * of its device bytes.
 */
export function windowBytesOf(encoding: Encoding, lengthBytes: number): number {
  return encoding === 'zero' ? Math.ceil(lengthBytes / bounds.zeroFrameShare) : lengthBytes;
}
