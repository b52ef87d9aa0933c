import { isZero, zeroBytes } from '../zero.ts';
import type { DeviceHandle } from './handle.ts';
import { writeFully } from './range-io.ts';

/** What happens to a range of the target that has to be zero: `skip` where the target reads as zeros already. */
export type ZeroPolicy = 'write' | 'skip';

/**
 * Makes a range zero.
 *
 * @param lengthBytes at most `limits.dataFrameBytes`.
 * @throws BasynError `device`, with the offset of the failing write.
 */
export function makeZero(
  target: DeviceHandle,
  offsetBytes: number,
  lengthBytes: number,
  zeros: ZeroPolicy,
): void {
  if (zeros === 'write') writeFully(target, offsetBytes, zeroBytes(lengthBytes));
}

/**
 * Writes bytes of which it is not known whether they are zero.
 *
 * @throws BasynError `device`, with the offset of the failing write.
 */
export function writeRange(
  target: DeviceHandle,
  offsetBytes: number,
  bytes: Uint8Array,
  zeros: ZeroPolicy,
): void {
  // To look at the bytes costs time, so they are looked at only where it may save the write.
  if (zeros !== 'write' && isZero(bytes)) makeZero(target, offsetBytes, bytes.byteLength, zeros);
  else writeFully(target, offsetBytes, bytes);
}
