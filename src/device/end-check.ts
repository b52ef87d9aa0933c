import { existsSync, fstatSync, type BigIntStats } from 'node:fs';
import { BasynError, systemReason } from '../errors.ts';
import { deviceNumber, readBlockDevice } from './block-device.ts';
import { deviceError, examineOpen, nameOf, type DeviceHandle } from './handle.ts';
import { subjectOf, usesOf } from './in-use.ts';
import { leadsTo } from './open.ts';
import { isStillAt, systemPathOf } from './reach.ts';
import { realKernelPath } from './regions.ts';

/** The state of a device when it was opened, for the comparison at the end of the run. */
export interface StartState {
  readonly sizeBytes: number;
  readonly modifiedNs: bigint;
}

/** @throws {BasynError} `device`. */
export function startStateOf(handle: DeviceHandle): StartState {
  const { sizeBytes, stats } = stateOf(handle);
  return { sizeBytes, modifiedNs: stats.mtimeNs };
}

function stateOf(handle: DeviceHandle): { readonly stats: BigIntStats; readonly sizeBytes: number } {
  return examineOpen(handle, () => {
    const stats = fstatSync(handle.fd, { bigint: true });
    if (!stats.isBlockDevice()) return { stats, sizeBytes: Number(stats.size) };
    return { stats, sizeBytes: readBlockDevice(deviceNumber(stats.rdev))?.sizeBytes ?? 0 };
  });
}

/**
 * Checks at the end of a run that the path still leads to the target, and that the target is not in use.
 *
 * @param inUse `allow` if the user allowed it (`--force`). Otherwise the target was not in use at the start of the run.
 * @throws {BasynError} `device`, if the path does not lead to the written data, or another program may overwrite it.
 */
export function checkTargetAtEnd(handle: DeviceHandle, start: StartState, inUse: 'refuse' | 'allow'): void {
  const { stats, sizeBytes } = stateOf(handle);
  const loss = lossOfPath(handle, stats);
  if (loss !== undefined) {
    throw changed(handle, `${loss} during the run: the path no longer leads to the written data`);
  }
  if (sizeBytes < start.sizeBytes) {
    throw changed(handle, `shrank during the run, from ${start.sizeBytes} to ${sizeBytes} bytes`);
  }
  if (inUse === 'allow') return;
  const [newUse] = useClauses(handle, stats);
  if (newUse !== undefined) throw changed(handle, `${newUse}, which began during the run`);
}

/**
 * Compares the state of a source at the end of a run with its state at the start.
 *
 * @returns warnings: the copy may mix data of different moments.
 */
export function sourceChanges(handle: DeviceHandle, start: StartState): string[] {
  const { stats, sizeBytes } = stateOf(handle);
  const changes: string[] = [];
  if (sizeBytes !== start.sizeBytes) {
    changes.push(`has changed its size from ${start.sizeBytes} to ${sizeBytes} bytes`);
  } else if (stats.isFile() && stats.mtimeNs !== start.modifiedNs) {
    changes.push('was modified');
  }
  const loss = lossOfPath(handle, stats);
  if (loss !== undefined) changes.push(loss);
  if (changes.length === 0) return [];
  const advice = 'Use a snapshot or stop the programs that write to it, and run again.';
  return [
    `${nameOf(handle)} ${changes.join(' and ')} during the run: the result may be inconsistent. ${advice}`,
  ];
}

/** Why the path no longer leads to an open device or file. Undefined if it does. */
function lossOfPath(handle: DeviceHandle, stats: BigIntStats): string | undefined {
  const { path, reach, fd } = handle;
  // Whether something else is there now must not become known. udev may make the node of a block device again at any time.
  if (reach?.kind === 'existing') {
    const isThere = stats.isFile()
      ? examineOpen(handle, () => isStillAt(fd, path, reach))
      : leadsTo(path, stats);
    return isThere ? undefined : 'was removed or replaced';
  }
  if (!existsSync(path)) return 'was removed';
  return leadsTo(path, stats) ? undefined : 'was replaced';
}

function useClauses(handle: DeviceHandle, stats: BigIntStats): string[] {
  try {
    return usesOf(subjectOf(stats, realKernelPath(systemPathOf(handle)))).map(({ clause }) => clause);
  } catch (error) {
    if (error instanceof BasynError) throw error;
    const reason = systemReason(error as NodeJS.ErrnoException);
    throw changed(handle, `may be in use now, which can't be determined: ${reason}`);
  }
}

function changed(handle: DeviceHandle, what: string): BasynError {
  return deviceError(handle, `${nameOf(handle)} ${what}.`, undefined);
}
