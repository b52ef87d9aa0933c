import {
  openSource,
  openTarget,
  reopenDirect,
  type DeviceHandle,
  type OpenedDevice,
  type OpenHandle,
  type StorageIdentity,
} from '../device/device.ts';
import { BasynError, type Side } from '../errors.ts';
import type { JobRunner } from '../workers/jobs.ts';
import { isWriting, type Order } from './order.ts';

/** What the receiving side has to know before it opens its device. */
export interface Receiving {
  readonly sourceSizeBytes: number;
  readonly sourceIdentity: StorageIdentity;
  readonly create: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
}

/** `null` where the order writes nothing: then the target too is opened for reading only. */
export function receivingOf(
  order: Order,
  sourceSizeBytes: number,
  sourceIdentity: StorageIdentity,
): Receiving | null {
  if (!isWriting(order)) return null;
  const { create, force, dryRun } = order;
  return { sourceSizeBytes, sourceIdentity, create, force, dryRun };
}

/** Opens a device: to be written to, if there is anything to receive; else for reading only. */
export async function openDevice(
  path: string,
  side: Side,
  receiving: Receiving | null,
): Promise<OpenedDevice> {
  if (receiving === null) return openSource(path, { side });
  return openTarget(path, {
    side,
    sourceSizeBytes: receiving.sourceSizeBytes,
    sourceIdentity: receiving.sourceIdentity,
    missing: receiving.create ? 'create' : 'refuse',
    inUse: receiving.force ? 'warn' : 'refuse',
    purpose: receiving.dryRun ? 'dry run' : 'write',
  });
}

/** How many bytes a run is about. */
export function sizeOf(
  sourceBytes: number,
  targetBytes: number,
  extent: 'source size' | 'smaller size',
): number {
  if (extent === 'smaller size') return Math.min(sourceBytes, targetBytes);
  if (targetBytes < sourceBytes) {
    throw new BasynError(
      'refused',
      `The receiving device has ${targetBytes} bytes, and the source ${sourceBytes}: they can't be equal.`,
    );
  }
  return sourceBytes;
}

/**
 * Lets `use` work with an open device, and closes it. After a failure the threads are ended first: they know the
 * device by its descriptor's number, and the next file to be opened would get this number.
 */
export async function usingDevice<D extends OpenHandle, T>(
  device: D,
  runner: Pick<JobRunner, 'close'>,
  use: (device: D) => Promise<T>,
): Promise<T> {
  try {
    return await use(device);
  } catch (error) {
    await runner.close();
    throw error;
  } finally {
    await device.close();
  }
}

/** For a recheck: reads that see the disk, where the storage allows it, and the page cache's view elsewhere. */
export async function usingDirectAccess<T>(
  handle: DeviceHandle,
  runner: Pick<JobRunner, 'close'>,
  use: (handle: DeviceHandle) => Promise<T>,
): Promise<T> {
  const direct = reopenDirect(handle);
  return direct === undefined ? use(handle) : usingDevice(direct, runner, () => use(direct.handle));
}
