import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readlinkSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { BasynError } from '../errors.ts';
import { lockOrClose } from './claim.ts';
import { isInDeviceDirectory } from './device-directory.ts';
import { notesOf } from './examination-gaps.ts';
import { openHandle, type DeviceHandle, type OpenedDevice } from './handle.ts';
import { runHelper } from './helper-program.ts';
import { identityOf, stackOf, stackOfFileIn, type StorageIdentity } from './identity.ts';
import { KernelView } from './kernel-view.ts';
import { examine, placeError, placeMessage, reasonOf, type Place } from './open.ts';
import { descriptorPath, reachOf, systemPathOf } from './reach.ts';
import { realKernelPath } from './regions.ts';
import type { TargetOptions } from './target-options.ts';

/** A target file that can be created. */
export interface CreationPlan {
  readonly place: Place;
  readonly sizeBytes: number;
  /** The storage on which the file will be. */
  readonly identity: StorageIdentity;
  readonly notes: readonly string[];
}

/**
 * Checks whether a regular file can be created at a path that does not exist.
 *
 * @throws BasynError `refused`, for a path in /dev; `device`, if a file can't be created.
 */
export function planCreation(place: Place, sizeBytes: number): CreationPlan {
  try {
    const path = systemPathOf(place);
    const linkTarget = readLinkIfAny(path);
    if (linkTarget !== undefined) {
      throw placeError('device', place, `is a symbolic link to ${linkTarget}, which does not exist.`);
    }
    const directory = statSync(dirname(path), { bigint: true, throwIfNoEntry: false });
    if (directory === undefined) {
      throw placeError(
        'device',
        place,
        `can't be created: the directory ${dirname(place.path)} does not exist.`,
      );
    }
    const view = new KernelView();
    if (isInDeviceDirectory(path, view)) {
      const reason = 'a file there would be in memory, not on a disk';
      throw placeError('refused', place, `does not exist and is not created under /dev: ${reason}.`);
    }
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
    const stack = stackOfFileIn(realKernelPath(dirname(path)), directory, view);
    return { place, sizeBytes, identity: identityOf(stack), notes: notesOf(place, stack, []) };
  } catch (error) {
    throw creationError(place, error);
  }
}

/**
 * Creates the file: sparse, of the given size, readable by its owner only, and with a durable name. The file stays even
 * if the run fails before the first write: Basyn must never remove a file with user data by mistake. The next run
 * continues with it.
 */
export async function createTarget(
  { place, sizeBytes, notes }: CreationPlan,
  inUse: TargetOptions['inUse'],
): Promise<OpenedDevice> {
  const path = systemPathOf(place);
  const fd = inCreation(place, () =>
    openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600),
  );
  const warnings = await lockOrClose(place, fd, inUse);
  try {
    inCreation(place, () => giveSizeOrRemove(path, fd, sizeBytes));
    await makeNameDurable(place, fd);
    // Its name may lead to something else from now on.
    const reach = place.reach && inCreation(place, () => reachOf(fd));
    const handle = handleOf({ ...place, ...(reach && { reach }) }, fd, sizeBytes);
    const stack = examine(place, () =>
      stackOf(fstatSync(fd, { bigint: true }), realKernelPath(systemPathOf(handle)), new KernelView()),
    );
    return {
      ...openHandle(handle),
      identity: identityOf(stack),
      warnings,
      notes,
      created: true,
      newFromBytes: 0,
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * The target of a dry run that would create it. Nothing is created. The handle reads zeros, as the new file would.
 *
 * @throws BasynError `device`, without /dev/zero.
 */
export function imagineTarget({ place, sizeBytes, identity, notes }: CreationPlan): OpenedDevice {
  const handle = handleOf(place, openZeros(place), sizeBytes);
  return {
    ...openHandle(handle),
    identity,
    warnings: [placeMessage(place, 'would be created.')],
    notes,
    created: false,
    newFromBytes: 0,
  };
}

function openZeros(place: Place): number {
  try {
    return openSync('/dev/zero', constants.O_RDONLY);
  } catch (error) {
    const what = 'would be created, but a dry run needs /dev/zero';
    throw placeError('device', place, `${what}: ${reasonOf(error)}.`, { cause: error });
  }
}

function handleOf({ side, hosts, path, reach }: Place, fd: number, sizeBytes: number): DeviceHandle {
  return {
    side,
    hosts,
    path,
    ...(reach && { reach }),
    kind: 'regular file',
    fd,
    sizeBytes,
    access: 'buffered',
    alignmentBytes: 1,
  };
}

function giveSizeOrRemove(path: string, fd: number, sizeBytes: number): void {
  try {
    ftruncateSync(fd, sizeBytes);
    fsyncSync(fd);
  } catch (error) {
    removeIfCreated(path, fd);
    throw error;
  }
}

/** Another program may have put a file of its own at the path. */
function removeIfCreated(path: string, fd: number): void {
  const created = fstatSync(fd, { bigint: true });
  const named = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (named?.dev === created.dev && named.ino === created.ino) unlinkSync(path);
}

/**
 * Flushes the directory of a new file, which contains its name. If the directory can't be read, or can't be flushed (old
 * CIFS), flushes the whole file system.
 *
 * @throws BasynError `device`, if that fails, too. The file stays.
 */
async function makeNameDurable(place: Place, fd: number): Promise<void> {
  try {
    syncDirectory(dirname(systemPathOf(place)));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isImpossible =
      code === 'EACCES' || code === 'EINVAL' || code === 'ENOTSUP' || code === 'EOPNOTSUPP';
    const failure = isImpossible ? await syncFileSystem(place, fd) : reasonOf(error);
    if (failure === undefined) return;
    const what = `was created, but its name can't be made durable: ${failure}`;
    throw placeError('device', place, `${what}.`, { cause: error, remedy: 'do-not-create' });
  }
}

/** Flushes a directory, which contains the names of its files. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Node has no syncfs(2). Returns the reason if it failed. */
async function syncFileSystem({ path, reach }: Place, fd: number): Promise<string | undefined> {
  // The path must not be followed again where there is a reach.
  const file = reach === undefined ? resolve(path) : descriptorPath(3);
  const end = await runHelper('sync', ['--file-system', '--', file], { inherited: { 3: fd } });
  if ('error' in end) return `sync can't be run: ${reasonOf(end.error)}`;
  return end.status === 0 ? undefined : '"sync --file-system" failed';
}

function readLinkIfAny(path: string): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isSymbolicLink() ? readlinkSync(path) : undefined;
}

function inCreation<T>(place: Place, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw creationError(place, error);
  }
}

function creationError(place: Place, error: unknown): BasynError {
  if (error instanceof BasynError) return error;
  const { path } = error as NodeJS.ErrnoException;
  const isOfKernel = path?.startsWith('/proc/') === true && !systemPathOf(place).startsWith(path);
  const where = isOfKernel ? `${path}: ` : '';
  return placeError('device', place, `can't be created: ${where}${reasonOf(error)}.`, { cause: error });
}
