import { setTimeout as sleep } from 'node:timers/promises';
import { TokenBucket, type SharedRate } from '../token-bucket.ts';
import type { DeviceHandle } from './handle.ts';

/** Nothing ever wakes a thread that waits here: the time ends the wait, or the end of the thread. */
const alarm = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** Blocks the thread until the rate of the device lets these bytes be read. At once without a rate. */
export function waitForRate({ readRate }: DeviceHandle, lengthBytes: number): void {
  const waitMs = waitMsOf(readRate, lengthBytes);
  if (waitMs > 0) Atomics.wait(alarm, 0, 0, waitMs);
}

/** Resolves when the rate of the device lets these bytes be read. */
export async function rateAllows({ readRate }: DeviceHandle, lengthBytes: number): Promise<void> {
  const waitMs = waitMsOf(readRate, lengthBytes);
  if (waitMs > 0) await sleep(waitMs);
}

function waitMsOf(readRate: SharedRate | undefined, lengthBytes: number): number {
  return readRate === undefined ? 0 : new TokenBucket(readRate).reserve(lengthBytes);
}
