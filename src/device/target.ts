import { closeSync, type BigIntStats } from 'node:fs';
import { openClaimed } from './claim.ts';
import { createTarget, imagineTarget, planCreation } from './create.ts';
import { notesOf, numberWarnings, withoutNumber } from './examination-gaps.ts';
import { checkSize, extendToSource } from './extend.ts';
import { checkInUse, checkIsWritable, checkNotSource, refuseUses } from './guards.ts';
import { openHandle, type OpenedDevice } from './handle.ts';
import { identityOf } from './identity.ts';
import { subjectOf } from './in-use.ts';
import { contentMarksOf } from './mark-reader.ts';
import { describeOpened, examinationError, examine, inspect, placeError, type Place } from './open.ts';
import { openersOf } from './openers.ts';
import { systemPathOf } from './reach.ts';
import { realKernelPath } from './regions.ts';
import type { TargetOptions } from './target-options.ts';

/**
 * Opens a device or file for writing, after all guards have passed: it is not in use, it is not the source under another
 * name, and it is large enough. A block device is claimed in the kernel (`O_EXCL`), and a regular file is locked, so that no
 * other run can use it. A regular file is never shortened. It is extended only if the options allow that.
 *
 * @throws BasynError `refused`, if a guard refuses it; `device`, if it can't be opened or written.
 */
export async function openTarget(path: string, options: TargetOptions): Promise<OpenedDevice> {
  const { side, hosts, reach } = options;
  const place: Place = { side, hosts, role: 'target', path, ...(reach && { reach }) };
  const stats = inspect(place);
  return stats === undefined ? openMissing(place, options) : openExisting(place, stats, options);
}

async function openExisting(place: Place, stats: BigIntStats, options: TargetOptions): Promise<OpenedDevice> {
  const subject = examine(place, () => subjectOf(stats, realKernelPath(systemPathOf(place))));
  const identity = identityOf(subject.stack);
  const sourceWarnings = checkNotSource(place, identity, options.sourceIdentity);
  const useWarnings = checkInUse(place, subject, options.inUse);
  examine(place, () => checkIsWritable(place, subject));
  const isKnownInUse = useWarnings.length > 0;
  const searching = openersOf(subject, 'writers and virtual machines');
  // Awaited below. If another failure comes first, that one is reported.
  searching.catch(() => undefined);
  const {
    fd,
    hasStableNumbers,
    warnings: claimWarnings,
  } = await openClaimed(place, stats, options, isKnownInUse);
  try {
    const opened = examine(place, () => describeOpened(place, fd));
    examine(place, () => checkSize(place, opened, options));
    const stack = hasStableNumbers ? subject.stack : withoutNumber(subject.stack);
    if (!hasStableNumbers) checkNotSource(place, identityOf(stack), options.sourceIdentity);
    const isClaimed = isKnownInUse || claimWarnings.length > 0;
    const openers = isClaimed ? undefined : await searching;
    const openerWarnings = refuseUses(place, openers?.uses ?? [], options.inUse);
    const marksBefore = opened.sizeBytes < options.sourceSizeBytes ? await contentMarksOf(opened) : undefined;
    const { handle, warnings: sizeWarnings, newFromBytes } = extendToSource(place, opened, options);
    return {
      ...openHandle(handle),
      ...(marksBefore && { marksBefore }),
      identity: identityOf(stack),
      warnings: [
        ...sourceWarnings,
        ...useWarnings,
        ...claimWarnings,
        ...openerWarnings,
        ...numberWarnings(place, hasStableNumbers),
        ...sizeWarnings,
      ],
      notes: notesOf(place, stack, openers?.unexamined ?? []),
      created: false,
      ...(newFromBytes !== undefined && { newFromBytes }),
    };
  } catch (error) {
    closeSync(fd);
    throw examinationError(place, error);
  }
}

async function openMissing(place: Place, options: TargetOptions): Promise<OpenedDevice> {
  if (options.missing === 'refuse') {
    throw placeError('device', place, 'does not exist.', { remedy: 'create' });
  }
  const plan = planCreation(place, options.sourceSizeBytes);
  const warnings = checkNotSource(place, plan.identity, options.sourceIdentity);
  const opened =
    options.purpose === 'dry run' ? imagineTarget(plan) : await createTarget(plan, options.inUse);
  return { ...opened, warnings: [...warnings, ...opened.warnings] };
}
