import type { Remedy } from '../errors.ts';

/** Takes the ranges of a list, one after the other, in the order of the list. */
export interface RangeListener {
  /** A range that may have changed. */
  changed(offsetBytes: number, lengthBytes: number): void;
  /** A range that has not changed, of a list that names every byte of the device. */
  unchanged(offsetBytes: number, lengthBytes: number): void;
}

/** Reads a list of changes in one format. It throws a {@link ListProblem} if the list is malformed. */
export interface ListParser {
  /** The program that makes such lists, for the user. */
  readonly format: string;
  /** Takes the next part of the list, which may end anywhere. */
  write(text: string): void;
  /** The list has ended. */
  end(): void;
}

/** What is wrong with a list, as the rest of a sentence that begins with its name: "has a negative offset in line 3". */
export class ListProblem extends Error {
  readonly remedy: Remedy | undefined;

  constructor(
    message: string,
    { cause, remedy }: { readonly cause?: unknown; readonly remedy?: Remedy } = {},
  ) {
    super(message, { cause });
    this.remedy = remedy;
  }
}

/** What the place of a number is called. */
type Place = () => string;

/**
 * A number of bytes or blocks from the text of a list.
 *
 * @throws {ListProblem} unless it is a whole number that is exact here.
 */
export function wholeNumber(value: unknown, what: string, place: Place): number {
  const number = typeof value === 'string' && /^[0-9]{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
  throw new ListProblem(
    `has ${what} ${shown(value)} ${place()}, which is not a whole number from 0 to 2^53 - 1`,
  );
}

/** @throws {ListProblem} where the end of a range is not exact any more. */
export function requireExactEnd(endBytes: number, place: Place): void {
  if (Number.isSafeInteger(endBytes)) return;
  throw new ListProblem(`has a range ${place()} that ends behind 2^53 - 1 bytes`);
}

function shown(value: unknown): string {
  if (value === undefined) return '(none)';
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
