import type { Restriction } from '../agent/restriction.ts';
import { BasynError } from '../errors.ts';
import { checkOptions } from '../options/check.ts';
import type { OptionEntry, RunKind } from '../options/entry.ts';
import { expectationOf, readValue } from '../options/read-value.ts';
import { type DisplayFlag, optionEntries, type OptionName } from '../options/table.ts';
import type { InspectOptions, RecheckOptions, RecordOptions, SyncOptions } from '../options/types.ts';
import { type GivenOptions, readArguments } from './arguments.ts';
import { parseServe } from './serve.ts';
import { commandWording } from './wording.ts';

/** What the library is to do. */
export type Task =
  | { readonly kind: 'sync'; readonly options: SyncOptions }
  | { readonly kind: 'recheck'; readonly options: RecheckOptions }
  | { readonly kind: 'record'; readonly options: RecordOptions }
  | { readonly kind: 'inspect'; readonly options: InspectOptions };

/** What the user wants to see of it. */
export type Display = Readonly<Record<DisplayFlag, boolean>>;

/** What a command line asks for. `usage` is the empty command line. */
export type Command =
  | { readonly kind: 'usage' }
  | { readonly kind: 'help' }
  | { readonly kind: 'help for serve' }
  | { readonly kind: 'serve'; readonly restriction: Restriction }
  | { readonly kind: 'version' }
  | { readonly kind: 'run'; readonly task: Task; readonly display: Display };

/**
 * Reads a command line.
 *
 * @throws {BasynError} `usage`, with one sentence that names the option and says what to do.
 */
export function parseCommand(argv: readonly string[]): Command {
  if (argv.length === 0) return { kind: 'usage' };
  if (argv[0] === 'serve') return serveOf(argv.slice(1));
  if (argv.includes('--help')) return { kind: 'help' };
  const given = readArguments(argv);
  if (given.has('version')) return { kind: 'version' };
  return { kind: 'run', task: taskOf(given), display: displayOf((flag) => given.has(flag)) };
}

function serveOf(argv: readonly string[]): Command {
  if (argv.includes('--help')) return { kind: 'help for serve' };
  return { kind: 'serve', restriction: parseServe(argv) };
}

/** Each display flag, and whether it is on. */
export function displayOf(isOn: (flag: DisplayFlag) => boolean): Display {
  const flags = optionEntries.filter(([, entry]) => entry.key === undefined && entry.default === false);
  const entries = flags.map(([name]) => [name, isOn(name as DisplayFlag)] as const);
  return Object.fromEntries(entries) as Display;
}

function taskOf(given: GivenOptions): Task {
  const values = valuesOf(given);
  const kind = kindOf(given, values);
  switch (kind) {
    case 'sync':
      return { kind, options: checkOptions(kind, values, commandWording) };
    case 'recheck':
      return { kind, options: checkOptions(kind, values, commandWording) };
    case 'record':
      return { kind, options: checkOptions(kind, values, commandWording) };
    case 'inspect':
      return { kind, options: checkOptions(kind, values, commandWording) };
  }
}

function kindOf(given: GivenOptions, values: SyncValues): RunKind {
  if (!given.has('action')) {
    refuseWhatNeeds(
      ['action', 'mode'],
      given,
      'needs --action: give the direction with --action=PUSH or --action=POP.',
    );
    if (given.has('recheck')) return 'recheck';
    if (given.has('ranges')) {
      throw new BasynError(
        'usage',
        '--ranges needs --recheck, or --action and --mode: otherwise, nothing is compared.',
      );
    }
    return 'inspect';
  }
  if (given.has('mode')) return transferKindOf(given, values);
  if (given.has('recheck')) {
    refuseWhatNeeds(['mode'], given, 'needs --mode: --recheck alone changes nothing.');
    return 'recheck';
  }
  throw new BasynError(
    'usage',
    '--action needs --mode: choose --mode=SYNC (only what differs) or --mode=COPY (everything).',
  );
}

/** Without a target, a SYNC makes the state file from the source alone. */
function transferKindOf(given: GivenOptions, { action, mode }: SyncValues): 'sync' | 'record' {
  const target = action === 'push' ? 'remote' : 'local';
  if (mode !== 'sync' || !given.has('bitmap') || given.has(target)) return 'sync';
  const refused = optionEntries.find(
    ([name, { needs, scope }]) =>
      given.has(name) && scope === 'transfer' && (needs === 'mode' || name === 'recheck'),
  );
  if (refused === undefined) return 'record';
  throw new BasynError(
    'usage',
    `--${refused[0]} needs a target: name it with --${target}. Without one, only the state file is made, from the source.`,
  );
}

function refuseWhatNeeds(needed: readonly string[], given: GivenOptions, reason: string): void {
  const refused = optionEntries.find(
    ([name, { needs }]) => needs !== undefined && needed.includes(needs) && given.has(name),
  );
  if (refused !== undefined) throw new BasynError('usage', `--${refused[0]} ${reason}`);
}

/** Read as numbers and names, and not checked yet. */
type SyncValues = { readonly [Key in keyof SyncOptions]?: unknown };

/** What was given of the library's options, by the library's names. */
function valuesOf(given: GivenOptions): SyncValues {
  const values: Record<string, unknown> = {};
  for (const [name, entry] of optionEntries) {
    if (entry.key !== undefined) values[entry.key] = valueOf(name, entry, given);
  }
  return values;
}

function valueOf(name: OptionName, { value, repeatable }: OptionEntry, given: GivenOptions): unknown {
  if (value.type === 'flag') return given.has(name);
  const texts = given.texts(name);
  if (texts === undefined || repeatable === true) return texts;
  const [text = ''] = texts;
  if (value.type === 'optional size' && text === '') return true;
  const read = readValue(value, text);
  if (read === undefined) {
    throw new BasynError('usage', `--${name} must be ${expectationOf(value)}, not ${JSON.stringify(text)}.`);
  }
  return read;
}
