import { bounds } from '../limits.ts';
import { isZero, zeroBytes } from '../zero.ts';
import type { DeviceHandle } from './handle.ts';
import { writeFully } from './range-io.ts';

/** What happens to a range of the target that has to be zero. `skip` if the target already reads as zeros. */
export type ZeroPolicy = 'write' | 'skip';

/**
 * Makes a range of any length read as zeros.
 *
 * @throws BasynError `device`, with the offset of the failed write.
 */
export function makeZero(
  target: DeviceHandle,
  offsetBytes: number,
  lengthBytes: number,
  zeros: ZeroPolicy,
): void {
  if (zeros === 'skip') return;
  const endBytes = offsetBytes + lengthBytes;
  for (let atBytes = offsetBytes; atBytes < endBytes; atBytes += bounds.dataFrameBytes) {
    writeFully(target, atBytes, zeroBytes(Math.min(bounds.dataFrameBytes, endBytes - atBytes)));
  }
}

/**
 * Writes bytes that may be zero.
 *
 * @throws BasynError `device`, with the offset of the failed write.
 */
export function writeRange(
  target: DeviceHandle,
  offsetBytes: number,
  bytes: Uint8Array,
  zeros: ZeroPolicy,
): void {
  // Examining the bytes takes time, so it is done only if it may save the write.
  if (zeros !== 'write' && isZero(bytes)) makeZero(target, offsetBytes, bytes.byteLength, zeros);
  else writeFully(target, offsetBytes, bytes);
}
