import type { Stack } from './identity.ts';
import { placeMessage, type Place } from './open.ts';

/** What could not be found out about a device or file, for `--verbose`. */
export function notesOf(place: Place, { gaps }: Stack, unexamined: readonly string[]): string[] {
  const what = [...unexamined, ...gaps.map((gap) => gap.what)];
  return what.map((clause) => placeMessage(place, `was examined as far as possible, but not ${clause}.`));
}

/** A warning about a file system that numbers a file anew at every look. */
export function numberWarnings(place: Place, hasStableNumbers: boolean): string[] {
  if (hasStableNumbers) return [];
  const what =
    'is on a file system whose inode numbers change: it is recognised by its size and time only, ' +
    'and can be copied to or from another file system only.';
  return [placeMessage(place, what)];
}

/** The same storage, where a file's number tells nothing: it may be any file of its file system. */
export function withoutNumber({ regions, gaps, ...rest }: Stack): Stack {
  const what = 'which file of its file system it is, as the inode numbers there change';
  return { ...rest, regions, gaps: [{ mayBe: 'neighbour', what }, ...gaps] };
}
