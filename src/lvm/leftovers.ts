import { placeMessage, type Place } from '../device/open.ts';
import { bounds } from '../limits.ts';
import { isCleanerAlive } from './snapshot-cleaner.ts';
import { runProgram } from './program.ts';
import { baseTag, cleanerTagIn, idTagIn, mark } from './tags.ts';
import { fullNameOf, type Volume } from './volume.ts';

/**
 * Removes the snapshots that runs left which were killed. A snapshot is left over if its cleaner is gone. One that a run still
 * reads is open, which LVM refuses to remove, also if the run is in another container. A kept base has no cleaner.
 *
 * @param volumes all volumes of the group.
 * @returns notes for the user.
 */
export async function removeLeftovers(place: Place, volumes: readonly Volume[]): Promise<string[]> {
  const notes: string[] = [];
  for (const volume of volumes.filter(isLeftOver)) {
    const { reason } = await runProgram(
      'lvremove',
      ['--yes', `@${idTagIn(volume.tags)!}`],
      bounds.volumeChangeTimeoutMs,
    );
    const what =
      reason === ''
        ? `: the snapshot ${fullNameOf(volume)}, which an earlier run had left, was removed.`
        : `: the snapshot ${fullNameOf(volume)}, which an earlier run had left, can't be removed: ${reason}.`;
    notes.push(`${placeMessage(place, '').trimEnd()}${what}`);
  }
  return notes;
}

/** Whether a snapshot belongs to a run that has ended without removing it. */
export function isLeftOver({ tags, isOpen }: Pick<Volume, 'tags' | 'isOpen'>): boolean {
  const cleanerTag = cleanerTagIn(tags);
  return (
    tags.includes(mark) &&
    !tags.includes(baseTag) &&
    idTagIn(tags) !== undefined &&
    cleanerTag !== undefined &&
    !isOpen &&
    !isCleanerAlive(cleanerTag)
  );
}
