import { write } from 'node:fs';
import { promisify } from 'node:util';
import { bounds } from '../limits.ts';
import { zeroBytes } from '../zero.ts';
import type { DeviceHandle } from './handle.ts';
import { failedAt } from './io-failure.ts';

const writeAsync = promisify(write);

/**
 * Writes zeros from an offset to the end, so that the file system allocates the blocks. Takes as long as writing that many
 * bytes, and lets other work go on.
 *
 * @throws BasynError `device`, with the offset of the failed write.
 */
export async function fillWithZeros(handle: DeviceHandle, fromBytes: number): Promise<void> {
  const zeros = zeroBytes(bounds.dataFrameBytes);
  let atBytes = fromBytes;
  while (atBytes < handle.sizeBytes) {
    const lengthBytes = Math.min(zeros.byteLength, handle.sizeBytes - atBytes);
    try {
      const { bytesWritten } = await writeAsync(handle.fd, zeros, 0, lengthBytes, atBytes);
      atBytes += bytesWritten;
    } catch (error) {
      throw failedAt('write', handle, atBytes, error);
    }
  }
}
