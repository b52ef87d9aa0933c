import { fstatSync, statSync, type BigIntStats } from 'node:fs';
import type { BasynError } from '../errors.ts';
import { deviceNumber, readBlockDevice } from './block-device.ts';
import { deviceError, nameOf, type DeviceHandle } from './handle.ts';
import { usesOf } from './in-use.ts';

/** What a device was like when it was opened, to be compared with what it is like at the end of the run. */
export interface StartState {
  readonly sizeBytes: number;
  readonly modifiedNs: bigint;
  /** Who used it already, where `--force` allows that. */
  readonly uses: readonly string[];
}

export function startStateOf(handle: DeviceHandle, role: 'source' | 'target'): StartState {
  const stats = fstatSync(handle.fd, { bigint: true });
  return {
    sizeBytes: currentSizeBytes(stats),
    modifiedNs: stats.mtimeNs,
    uses: role === 'target' ? useClauses(stats) : [],
  };
}

/**
 * Checks at the end of a run that its target is still what the path leads to, and that nobody has begun to use it.
 *
 * @throws {BasynError} `device`, where the written data is not what a user finds at the path, or may be overwritten.
 */
export function checkTargetAtEnd(handle: DeviceHandle, start: StartState): void {
  const stats = fstatSync(handle.fd, { bigint: true });
  const atPath = statIfThere(handle.path);
  if (atPath === undefined) {
    throw changed(handle, 'was removed during the run: nothing at this path holds the data');
  }
  if (!isSameStorage(stats, atPath)) {
    throw changed(handle, 'was replaced by something else during the run, which does not hold the data');
  }
  const sizeBytes = currentSizeBytes(stats);
  if (sizeBytes < start.sizeBytes) {
    throw changed(handle, `has shrunk during the run, from ${start.sizeBytes} to ${sizeBytes} bytes`);
  }
  const newUse = useClauses(stats).find((clause) => !start.uses.includes(clause));
  if (newUse !== undefined) throw changed(handle, `${newUse}, which began during the run`);
}

/**
 * Compares a source at the end of a run with what it was at the start.
 *
 * @returns warnings: the copy may be of no single moment.
 */
export function sourceChanges(handle: DeviceHandle, start: StartState): string[] {
  const stats = fstatSync(handle.fd, { bigint: true });
  const atPath = statIfThere(handle.path);
  const sizeBytes = currentSizeBytes(stats);
  const changes: string[] = [];
  if (sizeBytes !== start.sizeBytes) {
    changes.push(`has changed its size from ${start.sizeBytes} to ${sizeBytes} bytes`);
  } else if (stats.isFile() && stats.mtimeNs !== start.modifiedNs) {
    changes.push('was modified');
  }
  if (atPath === undefined) changes.push('was removed');
  else if (!isSameStorage(stats, atPath)) changes.push('was replaced by something else');
  if (changes.length === 0) return [];
  const advice = 'use a snapshot, or stop what writes to it, and run again.';
  return [
    `${nameOf(handle)} ${changes.join(' and ')} during the run: the copy may be inconsistent; ${advice}`,
  ];
}

/** The node of a block device may be made anew at any time (by udev); its number is what counts. */
function isSameStorage(opened: BigIntStats, atPath: BigIntStats): boolean {
  if (opened.isBlockDevice()) return atPath.isBlockDevice() && opened.rdev === atPath.rdev;
  return opened.dev === atPath.dev && opened.ino === atPath.ino;
}

function currentSizeBytes(stats: BigIntStats): number {
  if (!stats.isBlockDevice()) return Number(stats.size);
  return readBlockDevice(deviceNumber(stats.rdev))?.sizeBytes ?? 0;
}

function useClauses(stats: BigIntStats): string[] {
  return usesOf(stats).map(({ clause }) => clause);
}

function statIfThere(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    // Whatever keeps us from looking at it: the path does not lead to the device any more.
    return undefined;
  }
}

function changed(handle: DeviceHandle, what: string): BasynError {
  return deviceError(handle, `${nameOf(handle)} ${what}.`, undefined);
}
