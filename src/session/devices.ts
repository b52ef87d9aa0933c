import {
  checkTargetAtEnd,
  dropPageCache,
  flush,
  nameOf,
  openDiskView,
  openSource,
  openTarget,
  sourceChanges,
  startStateOf,
  type DeviceHandle,
  type OpenedDevice,
  type OpenHandle,
  type StorageIdentity,
} from '../device/device.ts';
import { BasynError, type Side } from '../errors.ts';
import type { JobRunner } from '../workers/jobs.ts';
import { isWriting, type Order } from './order.ts';
import type { PhaseName } from '../report.ts';

/** What the receiving side has to know before it opens its device. */
export interface Receiving {
  readonly sourceSizeBytes: number;
  readonly sourceIdentity: StorageIdentity;
  readonly create: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
}

/** What a run does with a device. */
export interface DeviceUse {
  /** None: the device is only described. */
  readonly phases: readonly PhaseName[];
  /** `null`: the device is only read. */
  readonly receiving: Receiving | null;
}

/** A device of a run. */
export interface RunDevice extends OpenedDevice {
  /** Reads that look past the page cache, where the storage allows that; else the same as `handle`. */
  readonly diskView: DeviceHandle;
  /** Why reads of `diskView` may return what a page cache holds. Undefined where they do not, or where nobody reads it. */
  readonly cachedBecause: string | undefined;
  /**
   * To be called when the last phase is over, before the device is closed.
   *
   * @returns warnings.
   * @throws {BasynError} `device`, where the target is not what it was.
   */
  readonly checkAtEnd: () => string[];
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

/**
 * Opens a device: to be written to, if there is anything to receive; else for reading only.
 *
 * @param onFlush is called before a flush, which may take as long as the disk needs.
 * @throws {BasynError} where a guard refuses the device, or it can't be used.
 */
export async function openDevice(
  path: string,
  side: Side,
  use: DeviceUse,
  onFlush: () => void,
): Promise<RunDevice> {
  const opened = await openFor(path, side, use);
  try {
    return await prepare(opened, use, onFlush);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function openFor(path: string, side: Side, { phases, receiving }: DeviceUse): Promise<OpenedDevice> {
  if (receiving === null) {
    const role = phases.some(isTransfer) ? 'source' : 'device';
    const opened = await openSource(path, { side, role });
    if (opened.handle.sizeBytes > 0 || role === 'device') return opened;
    await opened.close();
    throw emptyError(nameOf(opened.handle), opened.handle);
  }
  return openTarget(path, {
    side,
    sourceSizeBytes: receiving.sourceSizeBytes,
    sourceIdentity: receiving.sourceIdentity,
    missing: receiving.create ? 'create' : 'refuse',
    inUse: receiving.force ? 'warn' : 'refuse',
    purpose: receiving.dryRun ? 'dry run' : 'write',
  });
}

/**
 * What is to be durable at the end is flushed now, too. An earlier run, or another program, may have left data in the page
 * cache that never reached the disk. A run that finds such data equal writes nothing of it.
 */
async function prepare(
  opened: OpenedDevice,
  { phases, receiving }: DeviceUse,
  onFlush: () => void,
): Promise<RunDevice> {
  const { handle } = opened;
  const start = startStateOf(handle);
  const writes = receiving !== null && !receiving.dryRun;
  const isOnlyRechecked = phases.length === 1 && phases[0] === 'recheck';
  const flushWarnings = writes || isOnlyRechecked ? await flushAtStart(handle, onFlush) : [];
  const kept = writes ? await dropPageCache(handle) : undefined;
  const cacheNotes = kept === undefined ? [] : [cacheNote(handle, kept)];
  const isReadPastCache = phases.includes('recheck') || (receiving !== null && phases.includes('sync'));
  const view = isReadPastCache ? openDiskView(handle) : undefined;
  const cacheWarnings = view?.cachedBecause === undefined ? [] : [cacheWarning(handle, view.cachedBecause)];
  return {
    ...opened,
    warnings: [...opened.warnings, ...flushWarnings, ...cacheWarnings],
    notes: [...opened.notes, ...cacheNotes],
    diskView: view?.handle ?? handle,
    cachedBecause: view?.cachedBecause,
    checkAtEnd: () => {
      if (receiving === null) return sourceChanges(handle, start);
      if (writes) checkTargetAtEnd(handle, start, receiving.force ? 'allow' : 'refuse');
      return [];
    },
    close: async () => {
      await view?.close();
      await opened.close();
    },
  };
}

/**
 * A failure is not the end: what the disk holds is compared, and what was lost is found to differ. A device that can't be
 * flushed at all fails at the end of a transfer.
 */
async function flushAtStart(handle: DeviceHandle, onFlush: () => void): Promise<string[]> {
  onFlush();
  try {
    await flush(handle);
    return [];
  } catch (error) {
    const { message } = BasynError.from(error);
    return [`Before this run: ${message} What the disk holds is compared.`];
  }
}

function cacheNote(handle: DeviceHandle, reason: string): string {
  return (
    `${nameOf(handle)} keeps its page cache, because ${reason}: after an earlier write error, what is written to it may ` +
    'be lost. Use --recheck then.'
  );
}

function cacheWarning(handle: DeviceHandle, reason: string): string {
  return (
    `${nameOf(handle)} is read through a page cache, because ${reason}: ` +
    'what the disk itself holds may be different after an earlier write error.'
  );
}

function isTransfer(phase: PhaseName): boolean {
  return phase !== 'recheck';
}

function emptyError(what: string, { side, path }: Pick<DeviceHandle, 'side' | 'path'>): BasynError {
  return new BasynError('device', `${what} is empty: it has 0 bytes.`, { side, device: path });
}

/** The sizes of both devices, of which a side without an action is the source by convention only. */
export interface DeviceSizes {
  readonly sourceBytes: number;
  readonly targetBytes: number;
}

/**
 * The number of bytes that a run covers: the source's, or in a recheck those that both devices have.
 *
 * @throws {BasynError} `refused`, where the target of a transfer is too small; `device`, where there is nothing to compare.
 */
export function coveredBytes(order: Order, { sourceBytes, targetBytes }: DeviceSizes): number {
  if (isWriting(order)) {
    if (targetBytes >= sourceBytes) return sourceBytes;
    throw new BasynError(
      'refused',
      `The receiving device has ${targetBytes} bytes, and the source ${sourceBytes}: they can't be equal.`,
    );
  }
  if (sourceBytes === 0 && (targetBytes === 0 || order.sizes === 'target at least source')) {
    const which = targetBytes === 0 ? 'both devices are empty' : 'the source is empty';
    throw new BasynError('device', `There is nothing to compare: ${which}.`);
  }
  return Math.min(sourceBytes, targetBytes);
}

/** Whether the sizes alone allow the devices to match. */
export function doSizesMatch(
  { sizes }: Pick<Order, 'sizes'>,
  { sourceBytes, targetBytes }: DeviceSizes,
): boolean {
  return sizes === 'equal' ? sourceBytes === targetBytes : targetBytes >= sourceBytes;
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
