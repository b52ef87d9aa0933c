import type { OptionEntry, OptionValue } from './entry.ts';
import { bytesPerKilobyte, msPerSecond } from './units.ts';

/** The words that a choice takes, without further names of the same value. */
export function mainChoices(choices: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(choices);
  return entries
    .filter(([, value], index) => entries.findIndex(([, other]) => other === value) === index)
    .map(([word]) => word);
}

/** The numbers that an option takes, both ends included. */
export interface NumberRange {
  readonly unit: 'number' | 'bytes' | 'bytes per second' | 'milliseconds';
  readonly least: number;
  /** Undefined if it is too large to be worth a word. */
  readonly most?: number;
  /** What bounds it besides `most`, in words. */
  readonly mostName?: string | undefined;
}

/** The range of a number. Undefined for what is no number. */
export function rangeOf(value: OptionValue): NumberRange | undefined {
  switch (value.type) {
    case 'integer':
      return { unit: 'number', least: value.least, most: value.most };
    case 'size':
      return { unit: 'bytes', least: value.leastBytes, most: value.mostBytes, mostName: value.mostName };
    case 'optional size':
      return { unit: 'bytes', least: value.leastBytes };
    case 'rate':
      return { unit: 'bytes per second', least: value.leastBytes };
    case 'duration':
      return { unit: 'milliseconds', least: value.leastMs, most: value.mostMs };
    case 'flag':
    case 'choice':
    case 'path':
    case 'host':
    case 'user':
    case 'text':
      return undefined;
  }
}

const writtenUnits: Readonly<Record<NumberRange['unit'], number>> = {
  number: 1,
  bytes: bytesPerKilobyte,
  'bytes per second': bytesPerKilobyte,
  milliseconds: msPerSecond,
};

/** The range of a number, as it is written on the command line: "1 to 16". Undefined for what is no number. */
export function writtenRangeOf(value: OptionValue): string | undefined {
  const range = rangeOf(value);
  if (range === undefined) return undefined;
  const { unit, least, most, mostName } = range;
  const written = (number: number): string => `${number / writtenUnits[unit]}`;
  return most === undefined
    ? `${written(least)} or more`
    : `${written(least)} to ${mostName ?? written(most)}`;
}

/** The default of an option, as it is written on the command line. Undefined for a flag, and if there is none. */
export function defaultOf({ value, default: byDefault }: OptionEntry): string | undefined {
  if (byDefault === undefined || byDefault === false) return undefined;
  if (typeof byDefault === 'string') return byDefault;
  if (value.type === 'size') return `${byDefault / bytesPerKilobyte}`;
  if (value.type === 'duration') return `${byDefault / msPerSecond}`;
  return `${byDefault}`;
}
