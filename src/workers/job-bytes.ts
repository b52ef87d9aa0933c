import type { DeviceHandle } from '../device/handle.ts';
import { bounds, tuning } from '../limits.ts';

/** With a limited rate, a job takes about this time, so that the progress is smooth. */
const limitedJobSeconds = 0.25;

/** The data of one job. A whole number of blocks. */
export function jobBytesOf({ readRate }: Pick<DeviceHandle, 'readRate'>): number {
  if (readRate === undefined) return tuning.jobBytes;
  const { blockBytes } = bounds;
  const limitedBytes = Math.floor((readRate.bytesPerSecond * limitedJobSeconds) / blockBytes) * blockBytes;
  return Math.max(blockBytes, Math.min(tuning.jobBytes, limitedBytes));
}
