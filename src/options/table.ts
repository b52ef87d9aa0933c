import type { OptionEntry, OptionKey } from './entry.ts';
import { connectionOptions } from './entries/connection.ts';
import { jobsOptions } from './entries/jobs.ts';
import { outputOptions } from './entries/output.ts';
import { stateOptions } from './entries/state.ts';
import { transferOptions } from './entries/transfer.ts';
import { workOptions } from './entries/work.ts';

/*
 * Every option. The command line's parser, the library's check, --help and README's table are made from this table.
 *
 * To add an option:
 * 1. Write its entry into the file of its group in entries/. If only the command has it, leave `key` out: `Display` in
 *    cli/options.ts then has it as a flag.
 * 2. If the library takes it, also write its type into types.ts. The compiler then compares type and entry.
 * 3. Use it where it takes effect: for the library in src/index.ts, which has the checked options with their defaults.
 * 4. Run `npm run readme`, which writes README's table.
 *
 * Write a rule about two options into rules.ts. Every check of a value by its own follows from `value`.
 */

/** By long name, in the order of `--help`. */
export const optionTable = {
  ...workOptions,
  ...stateOptions,
  ...transferOptions,
  ...connectionOptions,
  ...jobsOptions,
  ...outputOptions,
} as const;

type Table = typeof optionTable;
export type OptionName = keyof Table;
type NamesWith<Fields> = {
  [Name in OptionName]: Table[Name] extends Fields ? Name : never;
}[OptionName];

/** Flags that the command keeps for itself: they say what the user wants to see of a run. */
export type DisplayFlag = Exclude<NamesWith<{ default: false }>, NamesWith<{ key: OptionKey }>>;

/** The library's options that have a value where they are left out. */
export type KeyWithDefault = Extract<
  Table[NamesWith<{ key: OptionKey; default: unknown }>],
  { key: OptionKey }
>['key'];

type KeyInTable = Extract<Table[OptionName], { key: OptionKey }>['key'];
type Nothing<Rest extends never> = Rest;
/** The compiler refuses this line if an option of the library has no entry. */
export type KeyWithoutEntry = Nothing<Exclude<OptionKey, KeyInTable>>;

/** The entries, in order, as their common type. */
export const optionEntries = Object.entries(optionTable) as readonly [OptionName, OptionEntry][];

/** The entry of an option, or undefined if there is no such option. */
export function findOption(name: string): OptionEntry | undefined {
  return optionEntries.find(([known]) => known === name)?.[1];
}
