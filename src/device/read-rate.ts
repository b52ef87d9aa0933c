import { setTimeout as sleep } from 'node:timers/promises';
import { TokenBucket } from '../token-bucket.ts';
import type { DeviceHandle } from './handle.ts';

/** Nothing ever wakes a thread that waits here: the time ends the wait, or the end of the thread. */
const alarm = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** Blocks the thread until the rate of the device lets these bytes be read. At once without a rate. */
export function waitForRate({ readRate }: DeviceHandle, lengthBytes: number): void {
  if (readRate === undefined) return;
  const waitMs = new TokenBucket(readRate).reserve(lengthBytes);
  if (waitMs > 0) Atomics.wait(alarm, 0, 0, waitMs);
}

/** Resolves when the rate of the device lets these bytes be read. */
export async function rateAllows({ readRate }: DeviceHandle, lengthBytes: number): Promise<void> {
  if (readRate === undefined) return;
  const waitMs = new TokenBucket(readRate).reserve(lengthBytes);
  if (waitMs > 0) await sleep(waitMs);
}
