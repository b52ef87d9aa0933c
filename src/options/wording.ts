import { type OptionName, optionTable } from './table.ts';
import type { OptionEntry } from './entry.ts';

/** How messages name options and values, so that users find what they have written themselves. */
export interface Wording {
  /** "--buffer" or "bufferBytes". */
  readonly name: (option: OptionName) => string;
  /** Options with values: "--host=backup --port=22" or "host: 'backup', port: 22". */
  readonly write: (values: Partial<Record<OptionName, string>>) => string;
  /** A flag that is on: "--force" or "force: true". */
  readonly turnOn: (option: OptionName) => string;
}

/** For callers of the library. */
export const libraryWording: Wording = {
  name: libraryName,
  write: (values) =>
    Object.entries(values)
      .map(
        ([option, value]) => `${libraryName(option as OptionName)}: ${literal(option as OptionName, value)}`,
      )
      .join(', '),
  turnOn: (option) => `${libraryName(option)}: true`,
};

function libraryName(option: OptionName): string {
  const { key }: OptionEntry = optionTable[option];
  return key ?? option;
}

function literal(option: OptionName, value: string): string {
  return optionTable[option].value.type === 'integer' ? value : `'${value}'`;
}
