import { closeSync, type BigIntStats } from 'node:fs';
import { openClaimed } from './claim.ts';
import { createTarget, imagineTarget, planCreation } from './create.ts';
import { checkInUse, checkIsWritable, checkNotSource, checkSize } from './guards.ts';
import { openHandle, type OpenedDevice } from './handle.ts';
import { identityOf } from './identity.ts';
import { describeOpened, inspect, placeError, type Place } from './open.ts';
import type { TargetOptions } from './target-options.ts';

/**
 * Opens a device or file that is to be written to, after every guard has been passed: it is not in use, is not
 * the source under another name, is large enough, and is ours alone from now on. A block device is claimed
 * in the kernel (`O_EXCL`), a regular file is locked. A regular file is never truncated.
 *
 * @throws BasynError `refused`, where a guard says no; `device`, where it can't be opened or written.
 */
export async function openTarget(path: string, options: TargetOptions): Promise<OpenedDevice> {
  const place: Place = { side: options.side, role: 'target', path };
  const stats = inspect(place);
  return stats === undefined ? openMissing(place, options) : openExisting(place, stats, options);
}

async function openExisting(place: Place, stats: BigIntStats, options: TargetOptions): Promise<OpenedDevice> {
  const identity = identityOf(stats);
  checkNotSource(place, identity, options.sourceIdentity);
  const useWarnings = checkInUse(place, stats, options.inUse);
  checkIsWritable(place, stats);
  const isKnownInUse = useWarnings.length > 0;
  const { fd, warnings: claimWarnings } = await openClaimed(place, stats, options, isKnownInUse);
  try {
    const handle = describeOpened(place, fd);
    checkSize(place, handle.sizeBytes, options.sourceSizeBytes);
    return { ...openHandle(handle), identity, warnings: [...useWarnings, ...claimWarnings], created: false };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openMissing(place: Place, options: TargetOptions): OpenedDevice {
  if (options.missing === 'refuse') {
    throw placeError('device', place, 'does not exist; for a regular file that is to be made, say --create.');
  }
  const plan = planCreation(place, options.sourceSizeBytes);
  checkNotSource(place, plan.identity, options.sourceIdentity);
  return options.purpose === 'dry run' ? imagineTarget(plan) : createTarget(plan, options.inUse);
}
