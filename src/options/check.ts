import { BasynError } from '../errors.ts';
import { problemWith, shown } from './check-value.ts';
import type { OptionEntry, OptionsByRun, OptionScope, RunKind } from './entry.ts';
import { missing } from './missing.ts';
import { requireConsistent } from './rules.ts';
import { requireSourceAlone } from './source-alone.ts';
import { suggest } from './suggest.ts';
import { optionEntries } from './table.ts';
import type { Observation } from './types.ts';
import { libraryWording, type Wording } from './wording.ts';

/**
 * The options of a run, checked. The result is a copy that has only what this kind of run takes, and no key that is
 * `undefined`. Options that only another kind of run takes are checked and left out, so that `recheck` takes what was
 * given to `sync`.
 *
 * @param given whatever the caller passed: TypeScript's types do not hold for callers in JavaScript.
 * @throws {BasynError} `usage`, with the name of the option: for an unknown key, a missing option, a value of the wrong type
 *   or out of its range, and options that contradict each other.
 */
export function checkOptions<Kind extends RunKind>(
  kind: Kind,
  given: unknown,
  wording: Wording = libraryWording,
): OptionsByRun[Kind] {
  requireObject(given);
  refuseUnknownKeys(given);
  const checked: Record<string, unknown> = {};
  for (const [name, entry] of optionEntries) {
    if (entry.key === undefined) continue;
    const value = given[entry.key];
    if (value === undefined) {
      if (isRequired(entry, kind)) throw missing(name, wording);
      continue;
    }
    const problem = problemWith(entry, value);
    if (problem !== undefined) throw new BasynError('usage', `${wording.name(name)}: ${problem}.`);
    checked[entry.key] = Array.isArray(value) ? Array.from<unknown>(value) : value;
  }
  requireConsistent(checked, wording);
  if (kind === 'record') requireSourceAlone(checked, wording);
  const options: object = { ...takenBy(kind, checked), ...observationOf(given) };
  return options as OptionsByRun[Kind];
}

const scopesOf = {
  sync: ['run', 'comparison', 'recording', 'transfer'],
  recheck: ['run', 'comparison'],
  record: ['run', 'comparison', 'recording'],
  inspect: ['run'],
} as const satisfies Record<RunKind, readonly OptionScope[]>;

function takenBy(kind: RunKind, checked: Record<string, unknown>): Record<string, unknown> {
  const scopes: readonly (OptionScope | undefined)[] = scopesOf[kind];
  const taken = optionEntries.filter(([, { scope }]) => scopes.includes(scope));
  return Object.fromEntries(
    taken.flatMap(([, { key }]) => (key !== undefined && key in checked ? [[key, checked[key]]] : [])),
  );
}

/** What a `record` needs depends on its direction: see {@link requireSourceAlone}. */
function isRequired({ requiredFor }: OptionEntry, kind: RunKind): boolean {
  if (kind === 'record') return false;
  return requiredFor === 'run' || (requiredFor === 'transfer' && kind === 'sync');
}

function requireObject(given: unknown): asserts given is Readonly<Record<string, unknown>> {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return;
  throw new BasynError('usage', `The options must be an object, not ${shown(given)}.`);
}

const checksOfObservation = {
  onEvent: (value: unknown) => (typeof value === 'function' ? undefined : 'a function'),
  onExtent: (value: unknown) => (typeof value === 'function' ? undefined : 'a function'),
  debug: (value: unknown) => (typeof value === 'boolean' ? undefined : 'a boolean'),
  signal: (value: unknown) => (isAbortSignal(value) ? undefined : 'an AbortSignal'),
} satisfies Record<keyof Observation, (value: unknown) => string | undefined>;

const knownKeys: readonly string[] = [
  ...optionEntries.flatMap(([, { key }]) => (key === undefined ? [] : [key])),
  ...Object.keys(checksOfObservation),
];

function refuseUnknownKeys(given: object): void {
  const unknown = Object.keys(given).find((key) => !knownKeys.includes(key));
  if (unknown === undefined) return;
  const meant = suggest(unknown, knownKeys);
  const advice = meant === undefined ? `known are ${knownKeys.join(', ')}.` : `did you mean ${meant}?`;
  throw new BasynError('usage', `Unknown option ${shown(unknown)}: ${advice}`);
}

function observationOf(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const observation: Record<string, unknown> = {};
  for (const [key, expectedInsteadOf] of Object.entries(checksOfObservation)) {
    const value = given[key];
    if (value === undefined) continue;
    const expected = expectedInsteadOf(value);
    if (expected !== undefined) {
      throw new BasynError('usage', `${key}: must be ${expected}, not ${shown(value)}.`);
    }
    observation[key] = value;
  }
  return observation;
}

/** By what is used of it, as a signal may come from another realm, or from a library. */
function isAbortSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener, removeEventListener } = value as Record<string, unknown>;
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  );
}
