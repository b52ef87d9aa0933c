import type { OptionValue } from './entry.ts';
import { bytesPerKilobyte, msPerSecond, sizeSuffixes } from './units.ts';

/**
 * What the library takes for a value that is written as text. Undefined if the text can't be read, see {@link expectationOf}.
 */
export function readValue(value: OptionValue, text: string): string | number | undefined {
  switch (value.type) {
    case 'choice': {
      const word = text.toUpperCase();
      return Object.entries(value.choices).find(([known]) => known.toUpperCase() === word)?.[1];
    }
    case 'integer':
      return within(readNumber(text), value.least, value.most);
    case 'size':
    case 'optional size':
    case 'rate':
      return within(readSize(text), value.leastBytes, value.mostBytes);
    case 'duration':
      return within(readNumber(text) * msPerSecond, value.leastMs, value.mostMs);
    case 'flag':
    case 'path':
    case 'host':
    case 'user':
    case 'text':
      return text;
  }
}

/** What {@link readValue} takes, in words: "a whole number from 1 to 16". */
export function expectationOf(value: OptionValue): string {
  switch (value.type) {
    case 'choice':
      return `one of ${Object.keys(value.choices).join(', ').toUpperCase()}`;
    case 'integer':
      return `a whole number from ${value.least} to ${value.most}`;
    case 'size':
    case 'optional size': {
      const [least, most] = [value.leastBytes, value.mostBytes].map((bytes) => bytes / bytesPerKilobyte);
      return `a whole number of kilobytes from ${least} to ${most}, or a size such as 64K or 8M`;
    }
    case 'rate':
      return 'a whole number of kilobytes per second, or a rate such as 500K or 10M';
    case 'duration':
      return `a whole number of seconds from ${value.leastMs / msPerSecond} to ${value.mostMs / msPerSecond}`;
    case 'flag':
    case 'path':
    case 'host':
    case 'user':
    case 'text':
      return 'text';
  }
}

/** In bytes. Without a suffix, the number is in kilobytes. NaN if it is no size. */
function readSize(text: string): number {
  const suffix = /^\d+([KMGT])$/i.exec(text)?.[1]?.toUpperCase() as keyof typeof sizeSuffixes | undefined;
  if (suffix === undefined) return readNumber(text) * bytesPerKilobyte;
  return readNumber(text.slice(0, -1)) * sizeSuffixes[suffix];
}

/** Number() alone would take "1e3", "0x10" and " 5". */
function readNumber(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : NaN;
}

function within(value: number, least: number, most: number): number | undefined {
  return value >= least && value <= most ? value : undefined;
}
