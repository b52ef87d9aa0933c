import type { Stack } from './identity.ts';
import { placeMessage, type Place } from './open.ts';

/** What could not be determined about a device or file, for `--verbose`. */
export function notesOf(place: Place, { gaps }: Stack, unexamined: readonly string[]): string[] {
  const what = [...unexamined, ...gaps.map((gap) => gap.what)];
  return what.map((clause) => placeMessage(place, `could not be examined completely. Unknown: ${clause}.`));
}

/** A warning about a file system that reports another inode number for the same file each time. */
export function numberWarnings(place: Place, hasStableNumbers: boolean): string[] {
  if (hasStableNumbers) return [];
  const what =
    'is on a file system whose inode numbers change: it is identified by its size and time only, ' +
    'and can only be copied to or from another file system.';
  return [placeMessage(place, what)];
}

/** The same storage if the inode number does not identify the file: it may be any file of its file system. */
export function withoutNumber({ regions, gaps, ...rest }: Stack): Stack {
  const what = 'which file of its file system it is, because the inode numbers there change';
  return { ...rest, regions, gaps: [{ mayBe: 'neighbour', what }, ...gaps] };
}
