import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { problemWith } from '../../src/options/check-value.ts';
import { defaultOf, mainChoices } from '../../src/options/describe.ts';
import { optionGroups, type OptionEntry } from '../../src/options/entry.ts';
import { readValue } from '../../src/options/read-value.ts';
import { findOption, type OptionName, optionEntries, optionTable } from '../../src/options/table.ts';

describe('the table of options', () => {
  it('has long names and keys that differ, and short forms of one letter', () => {
    const keys = optionEntries.flatMap(([, { key }]) => (key === undefined ? [] : [key]));
    const shorts = optionEntries.flatMap(([, { short }]) => (short === undefined ? [] : [short]));
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(shorts).size).toBe(shorts.length);
    for (const short of shorts) expect(short).toMatch(/^[a-z]$/);
    for (const [name] of optionEntries) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  it('has an entry in each group', () => {
    expect([...new Set(optionEntries.map(([, { group }]) => group))].sort()).toEqual(
      [...optionGroups].sort(),
    );
  });

  it('finds no option under the name of an inherited property', () => {
    expect(findOption('constructor')).toBeUndefined();
  });

  it('states what happens without an option, unless the option is mandatory or a flag', () => {
    const silent = optionEntries.filter(
      ([, { default: byDefault, otherwise }]) => byDefault === undefined && otherwise === undefined,
    );
    expect(silent.map(([name]) => name)).toEqual([
      'local',
      'remote',
      'mode',
      'ssh-option',
      'check',
      'retry-failed',
      'help',
      'version',
    ]);
  });

  it.each(
    optionEntries.filter(([, { default: byDefault }]) => byDefault !== undefined && byDefault !== false),
  )('shows a default of --%s that the parser reads as the same value', (_, entry) => {
    expect(readValue(entry.value, defaultOf(entry) ?? '')).toBe(entry.default);
    expect(problemWith(entry, entry.default)).toBeUndefined();
  });

  it('does not name a choice twice', () => {
    expect(mainChoices(optionTable.action.value.choices)).toEqual(['PUSH', 'POP']);
  });
});

describe('a value that the parser reads', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.integer().map(String),
    fc
      .tuple(fc.integer({ min: 0, max: 2000 }), fc.constantFrom('K', 'M', 'g', 'T'))
      .map((parts) => parts.join('')),
    fc.constantFrom('push', 'PULL', 'copy', 'Zstd', 'xxh128'),
  );
  const numbersAndNames = optionEntries.filter(([, { value }]) =>
    ['choice', 'integer', 'size', 'rate', 'duration'].includes(value.type),
  );

  it.each(numbersAndNames)('for --%s is accepted by the library', (_, entry: OptionEntry) => {
    fc.assert(
      fc.property(texts, (text) => {
        const value = readValue(entry.value, text);
        if (value !== undefined) expect(problemWith(entry, value)).toBeUndefined();
      }),
    );
  });
});

describe('a size', () => {
  const buffer = optionTable.buffer.value;

  it.each([
    ['1', 1024],
    ['1K', 1024],
    ['8192', 8 * 2 ** 20],
    ['8M', 8 * 2 ** 20],
    ['8m', 8 * 2 ** 20],
    ['1G', 2 ** 30],
    ['2G', undefined],
    ['1T', undefined],
    ['8MB', undefined],
    ['M', undefined],
    ['-8M', undefined],
    ['1.5M', undefined],
    ['8 M', undefined],
  ])('%s', (text, bytes) => {
    expect(readValue(buffer, text)).toBe(bytes);
  });

  it('may have the suffix T', () => {
    expect(readValue({ type: 'size', leastBytes: 0, mostBytes: 2 ** 50 }, '3T')).toBe(3 * 2 ** 40);
  });
});

it.each<[OptionName, string, unknown]>([
  ['timeout', '90', 90_000],
  ['bwlimit', '500', 500 * 1024],
  ['bwlimit', '10M', 10 * 2 ** 20],
  ['bwlimit', '0', undefined],
  ['action', 'pull', 'pop'],
  ['hash', 'blake2b', 'BLAKE2B'],
  ['local', '/dev/sda1', '/dev/sda1'],
])('--%s=%s', (name, text, value) => {
  expect(readValue(optionTable[name].value, text)).toBe(value);
});
