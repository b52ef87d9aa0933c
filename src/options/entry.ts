import type { InspectOptions, Observation, RecheckOptions, RecordOptions, SyncOptions } from './types.ts';

/** The groups of `--help`, in order. */
export const optionGroups = [
  'Devices',
  'What to do',
  'Comparison',
  'State file',
  'Transfer',
  'Connection',
  'Several jobs',
  'Output',
] as const;
export type OptionGroup = (typeof optionGroups)[number];

/** The library's functions, each of which is one kind of run. */
export interface OptionsByRun {
  readonly sync: SyncOptions;
  readonly recheck: RecheckOptions;
  readonly record: RecordOptions;
  readonly inspect: InspectOptions;
}
export type RunKind = keyof OptionsByRun;

/** The library's name of an option that the table describes. */
export type OptionKey = Exclude<keyof SyncOptions, keyof Observation>;

/**
 * What a value is: how it is written as text, what the library takes for it, and what a shell can complete. Ranges include
 * both ends.
 *
 * - `flag`: is there or not. `true` or `false` for the library.
 * - `choice`: one of some words, in any case. The words lead to the library's values; two words may lead to the same one.
 * - `integer`: a whole number.
 * - `size`: kilobytes, or a number with the suffix K, M, G or T. The library takes bytes.
 * - `optional size`: the same, or nothing, which the library takes as `true`. On the command line, the value follows a `=`.
 * - `rate`: the same per second. The library takes bytes per second.
 * - `duration`: seconds. The library takes milliseconds.
 * - `path`: of a device or file. `host` and `user`: as ssh takes them. `text`: any other text.
 */
export type OptionValue =
  | FlagValue
  | ChoiceValue
  | IntegerValue
  | SizeValue
  | OptionalSizeValue
  | RateValue
  | DurationValue
  | PathValue
  | NameValue
  | TextValue;

interface FlagValue {
  readonly type: 'flag';
}
export interface ChoiceValue<Value extends string = string> {
  readonly type: 'choice';
  readonly choices: Readonly<Record<string, Value>>;
}
interface IntegerValue {
  readonly type: 'integer';
  readonly least: number;
  readonly most: number;
}
interface SizeValue {
  readonly type: 'size';
  readonly leastBytes: number;
  readonly mostBytes: number;
  /** What bounds it besides `mostBytes`, in words. A rule in rules.ts checks it. */
  readonly mostName?: string;
}
interface OptionalSizeValue {
  readonly type: 'optional size';
  readonly leastBytes: number;
  readonly mostBytes: number;
}
interface RateValue {
  readonly type: 'rate';
  /** In bytes per second. */
  readonly leastBytes: number;
  readonly mostBytes: number;
}
interface DurationValue {
  readonly type: 'duration';
  readonly leastMs: number;
  readonly mostMs: number;
}
interface PathValue {
  readonly type: 'path';
}
interface NameValue {
  readonly type: 'host' | 'user';
}
interface TextValue {
  readonly type: 'text';
}

/**
 * Which runs take an option: every run, those that digest a device (all but `inspect`), those that rebuild a state file (`sync`
 * and `record`), or those that write (`sync`).
 */
export type OptionScope = 'run' | 'comparison' | 'recording' | 'transfer';

/** One option, as the code that reads the table sees it. */
export interface OptionEntry {
  /** The library's name. Without one, only the command has the option. */
  readonly key?: OptionKey;
  readonly scope?: OptionScope;
  /** The runs that can't do without it. */
  readonly requiredFor?: 'run' | 'transfer';
  /** The option without which this one is refused. */
  readonly needs?: 'host' | 'action' | 'mode';
  /** One letter. */
  readonly short?: string;
  readonly group: OptionGroup;
  readonly value: OptionValue;
  /** What stands for the value in usage messages. A flag has none. */
  readonly placeholder?: string;
  /** May be given more than once; the library takes an array. */
  readonly repeatable?: true;
  /** In the library's unit. A run applies it, and the documentation shows it. */
  readonly default?: string | number | false;
  /** What happens without the option, in words, if there is no `default`. */
  readonly otherwise?: string;
  /** Sentences for `--help`, and the first ones of README's table and the man page. Code stands in backticks, which `--help` drops. */
  readonly help: string;
  /** Further sentences, for README's table and the man page only. */
  readonly details?: string;
}

/** An entry of the table, as the compiler compares it with the library's types. */
export type CheckedEntry = { [Key in OptionKey]: LibraryEntry<Key> }[OptionKey] | CommandEntry;

type CommonFields = Pick<OptionEntry, 'short' | 'group' | 'needs' | 'otherwise' | 'help' | 'details'>;
type CommandEntry = CommonFields & { readonly key?: never } & (
    FieldsOfValue<boolean> | FieldsOfValue<number> | FieldsOfValue<string> | FieldsOfValue<readonly string[]>
  );
type LibraryEntry<Key extends OptionKey> = CommonFields &
  FieldsOfValue<Exclude<SyncOptions[Key], undefined>> &
  FieldsOfNeed<Key> & { readonly key: Key; readonly scope: ScopeOf<Key> };

type ScopeOf<Key> = Key extends keyof InspectOptions
  ? 'run'
  : Key extends keyof RecheckOptions
    ? 'comparison'
    : Key extends keyof RecordOptions
      ? 'recording'
      : 'transfer';

type RequiredKey<Options> = {
  [Key in keyof Options]-?: undefined extends Options[Key] ? never : Key;
}[keyof Options];
type FieldsOfNeed<Key> =
  Key extends RequiredKey<InspectOptions>
    ? { readonly requiredFor: 'run' }
    : Key extends RequiredKey<SyncOptions>
      ? { readonly requiredFor: 'transfer' }
      : { readonly requiredFor?: never };

/** What an entry says about its value, by the type that the library takes. */
type FieldsOfValue<Value> = [Value] extends [boolean]
  ? { readonly value: FlagValue; readonly default?: false; readonly placeholder?: never }
  : { readonly placeholder: string } & ([Value] extends [readonly string[]]
      ? { readonly value: TextValue; readonly repeatable: true }
      : [Value] extends [number]
        ? { readonly value: IntegerValue | SizeValue | RateValue | DurationValue; readonly default?: number }
        : [Value] extends [boolean | number]
          ? { readonly value: OptionalSizeValue }
          : [Value] extends [string]
            ? string extends Value
              ? { readonly value: PathValue | NameValue | TextValue; readonly default?: string }
              : { readonly value: ChoiceValue<Value>; readonly default?: Value }
            : never);
