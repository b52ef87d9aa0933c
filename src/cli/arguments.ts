import { parseArgs } from 'node:util';
import { BasynError } from '../errors.ts';
import type { OptionEntry } from '../options/entry.ts';
import { GivenOptions } from '../options/given-options.ts';
import { suggest } from '../options/suggest.ts';
import { findOption, optionEntries, type OptionName } from '../options/table.ts';

/**
 * Splits a command line into its options: `--opt=value`, `--opt value`, `-o value` and `-ovalue`.
 *
 * @throws {BasynError} `usage`, with a sentence about the first thing that is wrong.
 */
export function readArguments(argv: readonly string[]): GivenOptions {
  const given = new GivenOptions();
  for (const token of tokensOf(argv)) {
    if (token.kind === 'option') addOption(given, token, argv[token.index] ?? token.rawName);
    if (token.kind === 'positional') throw strayArgument(token.value);
  }
  return given;
}

/** The lexer takes the next argument as the value of a `string`. A `boolean` has one only after a `=`. */
const lexerOptions = Object.fromEntries(
  optionEntries.map(([name, { short, value }]) => [
    name,
    {
      type: value.type === 'flag' || value.type === 'optional size' ? 'boolean' : 'string',
      ...(short !== undefined && { short }),
    } as const,
  ]),
);

function tokensOf(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: lexerOptions, strict: false, tokens: true }).tokens;
}

interface OptionToken {
  readonly name: string;
  /** As it was typed, without a value: `--local` or `-l`. */
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function addOption(given: GivenOptions, token: OptionToken, argument: string): void {
  const entry = findOption(token.name);
  refuseSingleDash(entry, argument);
  if (entry === undefined) throw unknownOption(token.rawName);
  const name = token.name as OptionName;
  if (entry.value.type === 'flag') {
    if (token.value !== undefined) {
      throw new BasynError('usage', `${token.rawName} takes no value: write just ${token.rawName}.`);
    }
    given.add(name, '');
    return;
  }
  const isWithoutValue = entry.value.type === 'optional size' && token.value === undefined;
  const value = isWithoutValue ? '' : valueOf(token, entry);
  if (given.has(name) && entry.repeatable === undefined) {
    throw new BasynError('usage', `--${name} is given twice: leave one of the two out.`);
  }
  given.add(name, value);
}

/** `-local=x` would otherwise be read as `-l ocal=x`, and `-help` as the host "elp". */
function refuseSingleDash(entry: OptionEntry | undefined, argument: string): void {
  const word = /^-([^-=][^=]+)/.exec(argument)?.[1];
  if (word === undefined) return;
  if (findOption(word) !== undefined || entry === undefined) throw unknownOption(`-${word}`);
}

function valueOf(
  { name, rawName, value, inlineValue }: OptionToken,
  { placeholder = '' }: OptionEntry,
): string {
  const example = `--${name}=${placeholder}`;
  if (value === undefined || value === '') {
    throw new BasynError('usage', `${rawName} needs a value: write ${example}.`);
  }
  if (inlineValue === true && !rawName.startsWith('--') && value.startsWith('=')) {
    throw new BasynError(
      'usage',
      `${rawName}${value}: a short option has no "="; write --${name}${value} instead.`,
    );
  }
  if (inlineValue !== true && /^-[^\d]/.test(value)) {
    throw new BasynError(
      'usage',
      `${rawName} needs a value, and ${JSON.stringify(value)} looks like the next option: write ${example}.`,
    );
  }
  return value;
}

function unknownOption(typed: string): BasynError {
  const word = typed.replace(/^-+/, '').toLowerCase();
  const meant =
    findOption(word) === undefined
      ? suggest(
          word,
          optionEntries.map(([name]) => name),
        )
      : word;
  const advice = meant === undefined ? 'basyn --help lists the options' : `did you mean --${meant}?`;
  return new BasynError('usage', `Unknown option ${typed}: ${advice}${meant === undefined ? '.' : ''}`);
}

function strayArgument(argument: string): BasynError {
  return new BasynError(
    'usage',
    `Unexpected argument ${JSON.stringify(argument)}: each value belongs to an option, as in --local=PATH.`,
  );
}
