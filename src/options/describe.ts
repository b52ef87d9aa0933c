import type { OptionEntry, OptionValue } from './entry.ts';
import { bytesPerKilobyte, msPerSecond } from './units.ts';

/** The words that a choice takes, without further names of the same value. */
export function mainChoices(choices: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(choices);
  return entries
    .filter(([, value], index) => entries.findIndex(([, other]) => other === value) === index)
    .map(([word]) => word);
}

/** The range of a number, as it is written on the command line: "1 to 16". Undefined for what is no number. */
export function rangeOf(value: OptionValue): string | undefined {
  switch (value.type) {
    case 'integer':
      return `${value.least} to ${value.most}`;
    case 'size': {
      const most = value.mostName ?? `${value.mostBytes / bytesPerKilobyte}`;
      return `${value.leastBytes / bytesPerKilobyte} to ${most}`;
    }
    case 'optional size':
    case 'rate':
      return `${value.leastBytes / bytesPerKilobyte} or more`;
    case 'duration':
      return `${value.leastMs / msPerSecond} to ${value.mostMs / msPerSecond}`;
    case 'flag':
    case 'choice':
    case 'path':
    case 'host':
    case 'user':
    case 'text':
      return undefined;
  }
}

/** The default of an option, as it is written on the command line. Undefined for a flag, and if there is none. */
export function defaultOf({ value, default: byDefault }: OptionEntry): string | undefined {
  if (byDefault === undefined || byDefault === false) return undefined;
  if (typeof byDefault === 'string') return byDefault;
  if (value.type === 'size') return `${byDefault / bytesPerKilobyte}`;
  if (value.type === 'duration') return `${byDefault / msPerSecond}`;
  return `${byDefault}`;
}
