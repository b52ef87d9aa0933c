import { BasynError } from '../errors.ts';
import { checkOptions } from './check.ts';
import type { OptionEntry, RunKind } from './entry.ts';
import type { GivenOptions } from './given-options.ts';
import { expectationOf, readValue } from './read-value.ts';
import { optionEntries, type OptionName } from './table.ts';
import type { InspectOptions, RecheckOptions, RecordOptions, SyncOptions } from './types.ts';
import type { Wording } from './wording.ts';

/** What the library is to do. */
export type Task =
  | { readonly kind: 'sync'; readonly options: SyncOptions }
  | { readonly kind: 'recheck'; readonly options: RecheckOptions }
  | { readonly kind: 'record'; readonly options: RecordOptions }
  | { readonly kind: 'inspect'; readonly options: InspectOptions };

/**
 * What the options ask for: without an action, to compare or only to open both devices; with one, to transfer, to compare, or
 * to make a state file.
 *
 * @throws {BasynError} `usage`, with one sentence that names the option and says what to do.
 */
export function taskOf(given: GivenOptions, wording: Wording): Task {
  const values = valuesOf(given, wording);
  const kind = kindOf(given, values, wording);
  switch (kind) {
    case 'sync':
      return { kind, options: checkOptions(kind, values, wording) };
    case 'recheck':
      return { kind, options: checkOptions(kind, values, wording) };
    case 'record':
      return { kind, options: checkOptions(kind, values, wording) };
    case 'inspect':
      return { kind, options: checkOptions(kind, values, wording) };
  }
}

function kindOf(given: GivenOptions, values: SyncValues, wording: Wording): RunKind {
  const { name, write } = wording;
  if (!given.has('action')) {
    refuseWhatNeeds(
      ['action', 'mode'],
      given,
      wording,
      `needs ${name('action')}: give the direction with ${write({ action: 'PUSH' })} or ${write({ action: 'POP' })}.`,
    );
    if (given.has('recheck')) return 'recheck';
    if (given.has('ranges')) {
      throw new BasynError(
        'usage',
        `${name('ranges')} needs ${name('recheck')}, or ${name('action')} and ${name('mode')}: otherwise, nothing is compared.`,
      );
    }
    return 'inspect';
  }
  if (given.has('mode')) return transferKindOf(given, values, wording);
  if (given.has('recheck')) {
    refuseWhatNeeds(
      ['mode'],
      given,
      wording,
      `needs ${name('mode')}: ${name('recheck')} alone changes nothing.`,
    );
    return 'recheck';
  }
  throw new BasynError(
    'usage',
    `${name('action')} needs ${name('mode')}: choose ${write({ mode: 'SYNC' })} (only what differs) or ` +
      `${write({ mode: 'COPY' })} (everything).`,
  );
}

/** Without a target, a SYNC makes the state file from the source alone. */
function transferKindOf(
  given: GivenOptions,
  { action, mode }: SyncValues,
  wording: Wording,
): 'sync' | 'record' {
  const target = action === 'push' ? 'remote' : 'local';
  if (mode !== 'sync' || !given.has('bitmap') || given.has(target)) return 'sync';
  const refused = optionEntries.find(
    ([name, { needs, scope }]) =>
      given.has(name) && scope === 'transfer' && (needs === 'mode' || name === 'recheck'),
  );
  if (refused === undefined) return 'record';
  throw new BasynError(
    'usage',
    `${wording.name(refused[0])} needs a target: name it with ${wording.name(target)}. Without one, only the state file is made, from the source.`,
  );
}

function refuseWhatNeeds(
  needed: readonly string[],
  given: GivenOptions,
  wording: Wording,
  reason: string,
): void {
  const refused = optionEntries.find(
    ([name, { needs }]) => needs !== undefined && needed.includes(needs) && given.has(name),
  );
  if (refused !== undefined) throw new BasynError('usage', `${wording.name(refused[0])} ${reason}`);
}

/** Read as numbers and names, and not checked yet. */
type SyncValues = { readonly [Key in keyof SyncOptions]?: unknown };

/** What was given of the library's options, by the library's names. */
function valuesOf(given: GivenOptions, wording: Wording): SyncValues {
  const values: Record<string, unknown> = {};
  for (const [name, entry] of optionEntries) {
    if (entry.key !== undefined) values[entry.key] = valueOf(name, entry, given, wording);
  }
  return values;
}

function valueOf(
  name: OptionName,
  { value, repeatable }: OptionEntry,
  given: GivenOptions,
  wording: Wording,
): unknown {
  if (value.type === 'flag') return given.has(name);
  const texts = given.texts(name);
  if (texts === undefined || repeatable === true) return texts;
  const [text = ''] = texts;
  if (value.type === 'optional size' && text === '') return true;
  const read = readValue(value, text);
  if (read === undefined) {
    const expectation = expectationOf(value);
    throw new BasynError(
      'usage',
      `${wording.name(name)} must be ${expectation}, not ${JSON.stringify(text)}.`,
    );
  }
  return read;
}
