import { totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  cacheReleaseOf,
  checkTargetAtEnd,
  contentMarksOf,
  dropPageCache,
  fillWithZeros,
  flush,
  hasHiddenHoles,
  isStorage,
  nameOf,
  openDiskView,
  openSource,
  openTarget,
  sourceChanges,
  startStateOf,
  unknownMarks,
  type CacheRelease,
  type ContentMarks,
  type DeviceHandle,
  type Location,
  type OpenedDevice,
  type OpenHandle,
  type SparseChoice,
  type StorageIdentity,
  type ZeroPolicy,
  zeroPolicyOf,
} from '../device/device.ts';
import { hasWasm } from '../digest/xxh128-wasm.ts';
import { BasynError } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import type { JobRunner } from '../workers/jobs.ts';
import { isWriting, type Order } from './order.ts';
import type { PhaseName } from '../report.ts';
import type { HeldSnapshot, RunSnapshots } from './run-snapshots.ts';
import { sharedRate } from '../token-bucket.ts';

/** What the target's side has to know before it opens its device. */
export interface TargetRequest {
  readonly sourceSizeBytes: number;
  readonly sourceIdentity: StorageIdentity;
  readonly create: boolean;
  readonly grow?: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
  /** How zeros of the target are treated. Left out: as by default. */
  readonly sparse?: SparseChoice;
  readonly discard?: boolean;
}

/** What a run does with a device. */
export interface DeviceUse {
  /** Empty where the device is only described. */
  readonly phases: readonly PhaseName[];
  /** `null` where the device is only read. */
  readonly targetRequest: TargetRequest | null;
  /** Undefined: the device is read as fast as possible. */
  readonly readBytesPerSecond: number | undefined;
  /** What happens to the page cache if the device is large: it is used anyway, or left to other programs. */
  readonly pageCache: 'use' | 'spare';
  /** Present if a source is compared through the page cache anyway, because it is read again to be written. */
  readonly survey?: 'cached';
  /** Undefined: the device itself is read. */
  readonly snapshots?: RunSnapshots | undefined;
  /** Present if the run asks what was written to the device since an earlier moment. */
  readonly marks?: 'read';
}

/** A device that a run has opened. */
export interface RunDevice extends OpenedDevice {
  /** Reads past the page cache where the storage allows that. Otherwise the same as `handle`. */
  readonly diskView: DeviceHandle;
  /** What the comparison of a transfer reads of a source: the same as `diskView` if the page cache is spared. */
  readonly surveyView: DeviceHandle;
  /** What a source sends is read from here: the same as `diskView` if the file has holes that cannot be found. */
  readonly sendView: DeviceHandle;
  /** Why reads of `diskView` may come from a page cache. Undefined where they do not, or where `diskView` is not read. */
  readonly cachedBecause: string | undefined;
  /** Takes what passes through the page cache, which is left to other programs. Undefined where it may be used. */
  readonly cacheRelease: CacheRelease | undefined;
  /** What the run does where the target has to be zero. */
  readonly zeros: ZeroPolicy;
  /** What was written to the device before the run. Undefined where nobody asks. */
  readonly marks: ContentMarks | undefined;
  /** The same at this moment. Flushes the device first. */
  readonly marksNow: () => Promise<ContentMarks>;
  /**
   * Checks that the path still leads to the open device, or that its snapshot is still valid. Call it after the last phase,
   * before the device is closed.
   *
   * @returns warnings.
   * @throws {BasynError} `device`, where the target was replaced, removed or mounted, or the snapshot has overflowed.
   */
  readonly checkAtEnd: () => Promise<string[]>;
  /** What is read in place of the source. */
  readonly snapshot?: HeldSnapshot;
}

/** What {@link openFor} opened. */
type Opened = OpenedDevice & Pick<RunDevice, 'snapshot'>;

/** `null` where the order writes nothing. The target is then opened for reading only. */
export function targetRequestOf(
  order: Order,
  sourceSizeBytes: number,
  sourceIdentity: StorageIdentity,
): TargetRequest | null {
  if (!isWriting(order)) return null;
  const { create, grow, force, dryRun, sparse, discard } = order;
  return {
    sourceSizeBytes,
    sourceIdentity,
    create,
    ...(grow && { grow }),
    force,
    dryRun,
    ...(sparse !== 'auto' && { sparse }),
    ...(discard && { discard }),
  };
}

/**
 * Opens a device: for writing where there is a target request, otherwise for reading only.
 *
 * @param onFlush is called before a flush. A flush may take as long as the disk needs.
 * @throws {BasynError} `refused`, where a guard refuses the device; `device`, where it cannot be used.
 */
export async function openDevice(
  path: string,
  location: Location,
  use: DeviceUse,
  onFlush: () => void,
): Promise<RunDevice> {
  const opened = withReadRate(await openFor(path, location, use), use);
  try {
    const device = await prepare(opened, use, onFlush);
    return { ...device, notes: [...device.notes, ...slowDigestNotes(location)] };
  } catch (error) {
    throw await closedAfter(opened, error);
  }
}

/** With both devices on one host, no data is digested. */
function slowDigestNotes({ side, hosts }: Location): string[] {
  if (hosts === 'one' || hasWasm()) return [];
  return [
    `The node of the ${side} host cannot run WebAssembly (it runs with --jitless, or its address space is limited). Its ` +
      'digests of data (XXH128) are slow: 15 MB/s with --jitless and 250 MB/s otherwise, for each processor.',
  ];
}

function withReadRate(opened: Opened, { readBytesPerSecond }: DeviceUse): Opened {
  if (readBytesPerSecond === undefined) return opened;
  return { ...opened, handle: { ...opened.handle, readRate: sharedRate(readBytesPerSecond) } };
}

async function openFor(
  path: string,
  location: Location,
  { phases, targetRequest, snapshots }: DeviceUse,
): Promise<Opened> {
  if (targetRequest === null) {
    if (snapshots !== undefined) return snapshots.open(path, location);
    const role = phases.some(isTransfer) ? 'source' : 'device';
    const opened = await openSource(path, { ...location, role });
    if (role === 'device') return opened;
    if (opened.handle.sizeBytes > 0) return { ...opened, handle: { ...opened.handle, isSkippable: true } };
    await opened.close();
    throw emptyError(nameOf(opened.handle), opened.handle);
  }
  return openTarget(path, {
    ...location,
    sourceSizeBytes: targetRequest.sourceSizeBytes,
    sourceIdentity: targetRequest.sourceIdentity,
    missing: targetRequest.create ? 'create' : 'refuse',
    tooSmall: targetRequest.grow === true ? 'extend' : 'refuse',
    inUse: targetRequest.force ? 'warn' : 'refuse',
    purpose: targetRequest.dryRun ? 'dry run' : 'write',
  });
}

/**
 * Flushes what has to be durable at the end of the run. An earlier run, or another program, may have left data in the page
 * cache that never reached the disk. A run that finds such data equal does not write it again.
 */
async function prepare(
  opened: Opened,
  { phases, targetRequest, pageCache, survey, marks: marksUse }: DeviceUse,
  onFlush: () => void,
): Promise<RunDevice> {
  const { handle } = opened;
  const start = startStateOf(handle);
  const writes = targetRequest !== null && !targetRequest.dryRun;
  if (writes) await fillAdded(opened, phases, targetRequest, onFlush);
  const isOnlyRechecked = phases.length === 1 && phases[0] === 'recheck';
  const isMarked = marksUse === 'read' && isStorage(handle);
  const isFlushed = writes || isOnlyRechecked || isMarked;
  const flushWarnings = isFlushed ? await flushAtStart(handle, onFlush) : [];
  const fixedMarks = opened.snapshot === undefined ? undefined : marksOfSnapshot(opened.snapshot);
  const marks = isMarked ? (fixedMarks ?? (await marksAtStart(opened, flushWarnings))) : undefined;
  const kept = writes ? await dropPageCache(handle) : undefined;
  const cacheNotes = kept === undefined ? [] : [cacheNote(handle, kept)];
  const zeros = writes ? zeroPolicyFor(opened, targetRequest) : 'write';
  const isReadPastCache = phases.includes('recheck') || (targetRequest !== null && phases.includes('sync'));
  const sparesCache = pageCache === 'spare' && handle.sizeBytes > totalmem() * tuning.largeShareOfMemory;
  const isSource = targetRequest === null && phases.some(isTransfer);
  const isSparing = sparesCache && isSource && phases.includes('sync') && survey !== 'cached';
  const isCacheReleased = sparesCache && (writes ? kept === undefined : isSource);
  const cacheRelease = isCacheReleased ? cacheReleaseOf(handle, writes ? 'writes' : 'reads') : undefined;
  const hidesHoles = isSource && hasHiddenHoles(handle);
  const needsView = isReadPastCache || isSparing || hidesHoles || zeros === 'discard';
  const view = needsView ? openDiskView(handle) : undefined;
  // A source that only spares the cache may as well be read from it.
  const cachedBecause = isReadPastCache || zeros === 'discard' ? view?.cachedBecause : undefined;
  const cacheWarnings =
    cachedBecause === undefined || !isReadPastCache ? [] : [cacheWarning(handle, cachedBecause)];
  return {
    ...opened,
    warnings: [...opened.warnings, ...flushWarnings, ...cacheWarnings],
    notes: [...opened.notes, ...cacheNotes],
    diskView: view?.handle ?? handle,
    surveyView: (isSparing || hidesHoles) && view !== undefined ? view.handle : handle,
    sendView: hidesHoles && view !== undefined ? view.handle : handle,
    cachedBecause,
    cacheRelease,
    zeros,
    marks,
    marksNow: async () => {
      if (!isStorage(handle)) return unknownMarks;
      if (fixedMarks !== undefined) return fixedMarks;
      onFlush();
      await flush(handle);
      // Only then does a later write have a later time.
      await sleep(bounds.marksSettleMs);
      return contentMarksOf(handle);
    },
    checkAtEnd: async () => {
      if (opened.snapshot !== undefined) {
        await opened.snapshot.requireValid();
        return [];
      }
      if (targetRequest === null) return sourceChanges(handle, start);
      if (writes) checkTargetAtEnd(handle, start, targetRequest.force ? 'allow' : 'refuse');
      return [];
    },
    close: async () => {
      await cacheRelease?.settled();
      await view?.close();
      // What was written, and what was read to be sent.
      if (sparesCache && phases.some(isTransfer)) await dropPageCache(handle);
      await opened.close();
    },
  };
}

/** Nothing writes to a snapshot: LVM keeps it read-only, and that is checked at the end. */
function marksOfSnapshot({ uuid }: HeldSnapshot): ContentMarks {
  return { bootId: uuid, attachment: uuid, writes: 'none' };
}

/** If an earlier write was lost, nothing is certain. */
async function marksAtStart(
  { handle, marksBefore }: OpenedDevice,
  flushWarnings: readonly string[],
): Promise<ContentMarks> {
  return flushWarnings.length > 0 ? unknownMarks : (marksBefore ?? contentMarksOf(handle));
}

/** A SYNC writes nothing where the source has zeros, so what was added would stay a hole. A COPY writes everything. */
async function fillAdded(
  { handle, newFromBytes }: OpenedDevice,
  phases: readonly PhaseName[],
  { sparse }: TargetRequest,
  onFlush: () => void,
): Promise<void> {
  if (newFromBytes === undefined || sparse !== 'never' || !phases.includes('sync')) return;
  onFlush();
  await fillWithZeros(handle, newFromBytes);
}

/** Decides after the first flush: before it, the space that a file uses is not known. */
function zeroPolicyFor({ handle, created }: OpenedDevice, request: TargetRequest): ZeroPolicy {
  return zeroPolicyOf(handle, created, {
    sparse: request.sparse ?? 'auto',
    discard: request.discard ?? false,
  });
}

/** Reads of the disk itself, if they do not end in a page cache. */
export function diskOf({ diskView, cachedBecause }: RunDevice): DeviceHandle | undefined {
  return diskView.access === 'direct' && cachedBecause === undefined ? diskView : undefined;
}

/**
 * A failed flush does not end the run. The run compares what the disk holds, so data that was lost is found to differ. A
 * device that cannot be flushed at all fails at the end of a transfer.
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
    'be lost. A recheck detects that.'
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

/**
 * Calls `use` with an open device, then closes the device. After a failure, the threads are ended before that: they know
 * the device by the number of its descriptor, and the next file to be opened would get this number.
 */
export async function usingDevice<D extends OpenHandle & Pick<RunDevice, 'snapshot'>, T>(
  device: D,
  runner: Pick<JobRunner, 'close'>,
  use: (device: D) => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await use(device);
  } catch (error) {
    device.snapshot?.fail(error);
    await runner.close();
    throw await closedAfter(device, error);
  }
  await device.close();
  await device.snapshot?.release();
  return result;
}

/**
 * Closes a device after a failure.
 *
 * @returns the error that explains the failure best.
 */
export async function closedAfter(
  { close, snapshot }: Pick<OpenHandle, 'close'> & Pick<RunDevice, 'snapshot'>,
  thrown: unknown,
): Promise<unknown> {
  await close();
  return snapshot === undefined ? thrown : snapshot.failed(thrown);
}
