import { fstatSync, fsyncSync, ftruncateSync } from 'node:fs';
import { deviceNumber, logicalVolumeName } from './block-device.ts';
import type { DeviceHandle } from './handle.ts';
import { placeError, placeMessage, reasonOf, type Place } from './open.ts';
import type { TargetOptions } from './target-options.ts';

/**
 * Checks the size of a target. A file that will be extended may be smaller than the source.
 *
 * @throws BasynError `refused`, with what the user can do.
 */
export function checkSize(place: Place, handle: DeviceHandle, options: TargetOptions): void {
  const { sizeBytes, kind } = handle;
  if (sizeBytes >= options.sourceSizeBytes) return;
  const problem = `is too small: it has ${sizeBytes} bytes, and the source has ${options.sourceSizeBytes}.`;
  if (kind === 'block device') {
    throw placeError('refused', place, `${problem} ${adviceFor(handle, options.sourceSizeBytes)}`);
  }
  // A run that was killed while it created the file has left it empty.
  const isUnfinished = sizeBytes === 0 && options.missing === 'create';
  if (options.tooSmall === 'extend' || isUnfinished) return;
  throw placeError('refused', place, problem, { remedy: 'grow' });
}

function adviceFor({ fd }: DeviceHandle, sizeBytes: number): string {
  const volume = logicalVolumeName(deviceNumber(fstatSync(fd, { bigint: true }).rdev));
  if (volume === undefined) {
    return "Basyn can't extend a device: extend it by other means, or name a larger one.";
  }
  // LVM rounds the size up to its own unit.
  return `Extend the volume first with "lvextend --size ${sizeBytes}b /dev/mapper/${volume}".`;
}

/** A target that is at least as large as the source. */
export interface FittingTarget {
  readonly handle: DeviceHandle;
  readonly warnings: readonly string[];
  /** The size before, if it was extended. */
  readonly newFromBytes?: number;
}

/**
 * Extends a file that {@link checkSize} allowed to be smaller than the source. What is added is a hole, and durable. The
 * file is not shortened again if the run fails. Call it after all guards have passed.
 *
 * A dry run extends nothing. The handle that it gets reads the missing end as zeros.
 *
 * @throws BasynError `device`, if the file can't be extended.
 */
export function extendToSource(place: Place, handle: DeviceHandle, options: TargetOptions): FittingTarget {
  const { fd, sizeBytes } = handle;
  const { sourceSizeBytes, purpose } = options;
  if (sizeBytes >= sourceSizeBytes) return { handle, warnings: [] };
  const change = `extended from ${sizeBytes} to ${sourceSizeBytes} bytes`;
  if (purpose === 'dry run') {
    return {
      handle: { ...handle, sizeBytes: sourceSizeBytes, imaginedFromBytes: sizeBytes },
      warnings: [placeMessage(place, `would be ${change}.`)],
      newFromBytes: sizeBytes,
    };
  }
  try {
    ftruncateSync(fd, sourceSizeBytes);
    fsyncSync(fd);
  } catch (error) {
    throw placeError('device', place, `can't be ${change}: ${reasonOf(error)}.`, { cause: error });
  }
  return {
    handle: { ...handle, sizeBytes: sourceSizeBytes },
    warnings: [placeMessage(place, `was ${change}.`)],
    newFromBytes: sizeBytes,
  };
}
