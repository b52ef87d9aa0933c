import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultOf, mainChoices, type NumberRange, rangeOf } from '../../src/options/describe.ts';
import { type OptionEntry, optionGroups, type OptionValue } from '../../src/options/entry.ts';
import { optionEntries, type OptionName } from '../../src/options/table.ts';
import { msPerSecond, sizeSuffixes } from '../../src/options/units.ts';
import { root, version } from '../bundle.ts';
import { bold, italic, markdownToRoff } from './roff.ts';
import { wrapRoff } from './wrap.ts';

/** The manual page, basyn(1): the text of basyn.1.in with the options of the table. */
export async function manualPage(date: Date): Promise<string> {
  const template = await readFile(join(root, 'scripts/manual/basyn.1.in'), 'utf8');
  const page = template
    .replace('@DATE@', () => date.toISOString().slice(0, 10))
    .replace('@VERSION@', () => version)
    .replace('@OPTIONS@', optionsInRoff);
  return wrapRoff(page);
}

function optionsInRoff(): string {
  const sections = optionGroups.map((group) => {
    const entries = optionEntries.filter(([, entry]) => entry.group === group);
    return [`.SS ${group}`, ...entries.map(([name, entry]) => optionInRoff(name, entry))].join('\n');
  });
  return sections.join('\n');
}

function optionInRoff(name: OptionName, entry: OptionEntry): string {
  const names = [...(entry.short === undefined ? [] : [bold(`-${entry.short}`)]), bold(`--${name}`)];
  return ['.TP', `${names.join(', ')}${valueInRoff(entry)}`, ...sentencesOf(entry)].join('\n');
}

function valueInRoff({ value, placeholder }: OptionEntry): string {
  if (placeholder === undefined) return '';
  return value.type === 'optional size' ? `[=${italic(placeholder)}]` : `=${italic(placeholder)}`;
}

/** What the option does, and on a line of its own what the table says about its value. roff wants each sentence on a line. */
function sentencesOf(entry: OptionEntry): string[] {
  const { help, details, requiredFor } = entry;
  const texts = [help, details, requiredFor === 'run' ? 'Mandatory.' : undefined];
  const sentences = texts.flatMap((text) => text?.split(/(?<=[.]) (?=[A-Z`0-9])/) ?? []);
  const facts = factsOf(entry);
  return [...sentences, ...(facts === '' ? [] : [facts])].map((text, index) =>
    index < sentences.length ? markdownToRoff(text) : `.br\n${markdownToRoff(text)}`,
  );
}

/** "Value: 1K to 1G. Default: 2M." */
function factsOf(entry: OptionEntry): string {
  const { value, otherwise } = entry;
  const values = value.type === 'choice' ? choicesOf(value.choices) : rangeInWords(value);
  const byDefault = defaultInWords(entry) ?? otherwise;
  return [
    ...(values === undefined ? [] : [`Value: ${values}.`]),
    ...(byDefault === undefined ? [] : [`Default: ${byDefault}.`]),
  ].join(' ');
}

function choicesOf(choices: Readonly<Record<string, string>>): string {
  return mainChoices(choices)
    .map((word) => `\`${word}\``)
    .join(', ');
}

/** "1K to 1G", as it can be written on the command line, with the unit. */
function rangeInWords(value: OptionValue): string | undefined {
  const range = rangeOf(value);
  if (range === undefined) return undefined;
  const { unit, least, most, mostName } = range;
  const words = numbersInWords[unit];
  return most === undefined
    ? `at least ${words.number(least)}${words.unit}`
    : `${words.number(least)} to ${mostName ?? words.number(most)}${words.unit}`;
}

const numbersInWords: Readonly<
  Record<NumberRange['unit'], { readonly number: (value: number) => string; readonly unit: string }>
> = {
  number: { number: String, unit: '' },
  bytes: { number: sizeInWords, unit: '' },
  'bytes per second': { number: sizeInWords, unit: ' per second' },
  milliseconds: { number: (ms) => `${ms / msPerSecond}`, unit: ' seconds' },
};

function defaultInWords(entry: OptionEntry): string | undefined {
  const text = defaultOf(entry);
  if (text === undefined) return undefined;
  const { value, default: byDefault } = entry;
  if (value.type === 'size') return sizeInWords(Number(byDefault));
  return value.type === 'duration' ? `${text} seconds` : `\`${text}\``;
}

/** "2M". A size below a kilobyte is a part of one: "0.5". */
function sizeInWords(bytes: number): string {
  if (bytes === 0) return '0';
  const fitting = Object.entries(sizeSuffixes).filter(([, factor]) => bytes % factor === 0);
  const [suffix, factor] = fitting.at(-1) ?? ['K', sizeSuffixes.K];
  return `${bytes / factor}${suffix}`;
}
