import { expectationOf, readValue } from '../options/read-value.ts';
import type { OptionEntry } from '../options/entry.ts';
import { GivenOptions } from '../options/given-options.ts';
import { suggest } from '../options/suggest.ts';
import { findOption, optionEntries, type OptionName } from '../options/table.ts';
import type { Wording } from '../options/wording.ts';
import { wrongLine, type LocatedValue } from './toml.ts';

/** For users of a file of jobs: options as they are written there. */
export const fileWording: Wording = {
  name: (option) => `"${option}"`,
  write: (values) =>
    Object.entries(values)
      .map(([option, value]) => `${option} = ${JSON.stringify(value)}`)
      .join(', '),
  turnOn: (option) => `${option} = true`,
};

/** The options of a run as the file gives them, each as the texts of a command line. Null: the option is turned off. */
export type OptionTexts = ReadonlyMap<OptionName, readonly string[] | null>;

/**
 * Reads one option of a table.
 *
 * @param others further names that are allowed there, for the suggestion.
 * @throws {BasynError} `usage`, with the line.
 */
export function readOption(
  fileName: string,
  name: string,
  { value: given, line }: LocatedValue,
  others: readonly string[],
): readonly [OptionName, readonly string[] | null] {
  const entry = findOption(name);
  if (entry?.key === undefined) throw wrongLine(fileName, line, unknownProblem(name, entry, others));
  const texts = textsOf(entry, given);
  if (texts === undefined) throw wrongLine(fileName, line, `"${name}" must be ${expectedIn(entry)}`);
  const wrong = texts?.find((text) => !isReadable(entry, text));
  if (wrong !== undefined) {
    const expectation = expectationOf(entry.value);
    throw wrongLine(fileName, line, `"${name}" must be ${expectation}, not ${JSON.stringify(wrong)}`);
  }
  return [name as OptionName, texts];
}

export function givenOptionsOf(texts: OptionTexts): GivenOptions {
  const given = new GivenOptions();
  for (const [name, values] of texts) values?.forEach((value) => given.add(name, value));
  return given;
}

/** Options that the file may contain. */
const fileNames = optionEntries.flatMap(([name, { key }]) => (key === undefined ? [] : [name]));

function unknownProblem(name: string, entry: OptionEntry | undefined, others: readonly string[]): string {
  if (entry !== undefined) return `"${name}" belongs on the command line, and not into the file`;
  const meant = suggest(name, [...fileNames, ...others]);
  return `"${name}" is no option${meant === undefined ? '' : `, "${meant}" is one`}`;
}

/** Undefined for a value of another type. */
function textsOf({ value, repeatable }: OptionEntry, given: unknown): readonly string[] | null | undefined {
  if (repeatable === true) {
    const list: unknown[] = Array.isArray(given) ? given : [given];
    return list.every((item) => typeof item === 'string') ? list : undefined;
  }
  if (typeof given === 'boolean') {
    if (value.type !== 'flag' && value.type !== 'optional size') return undefined;
    return given ? [''] : null;
  }
  if (value.type === 'flag') return undefined;
  if (typeof given === 'string') return given === '' ? undefined : [given];
  const isNumeric = ['integer', 'size', 'optional size', 'rate', 'duration'].includes(value.type);
  return isNumeric && Number.isSafeInteger(given) ? [`${given as number}`] : undefined;
}

function expectedIn({ value, repeatable }: OptionEntry): string {
  if (repeatable === true) return 'a text or a list of texts';
  if (value.type === 'flag') return 'true or false';
  const size = value.type === 'optional size' ? 'true, false or ' : '';
  return size + (expectationOf(value) === 'text' ? 'a text that is not empty' : expectationOf(value));
}

function isReadable({ value }: OptionEntry, text: string): boolean {
  return (value.type === 'optional size' && text === '') || readValue(value, text) !== undefined;
}
