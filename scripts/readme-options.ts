import { defaultOf, mainChoices, writtenRangeOf } from '../src/options/describe.ts';
import type { OptionEntry } from '../src/options/entry.ts';
import { optionEntries } from '../src/options/table.ts';

const heading = '| Option | | Value | Default |';

/** README's table of options, made from the table in src/options. */
export function optionTableMarkdown(): string {
  const rows = optionEntries.map(([name, entry]) =>
    tableRow([namesOf(name, entry), textOf(entry), valueOf(entry), byDefaultOf(entry)]),
  );
  return [heading, '| --- | --- | --- | --- |', ...rows].join('\n');
}

function tableRow(cells: readonly string[]): string {
  return `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;
}

/**
 * README with its table of options replaced by the current one.
 *
 * @throws {Error} if there is no such table.
 */
export function withOptionTable(readme: string): string {
  const lines = readme.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`README.md has no table that begins with "${heading}"`);
  const lengthLines = lines.slice(start).findIndex((line) => !line.startsWith('|'));
  lines.splice(start, lengthLines, optionTableMarkdown());
  return lines.join('\n');
}

function namesOf(name: string, { short }: OptionEntry): string {
  return short === undefined ? `\`--${name}\`` : `\`--${name}\`, \`-${short}\``;
}

function textOf({ help, details, requiredFor }: OptionEntry): string {
  return [help, details, requiredFor === 'run' ? 'Mandatory.' : undefined]
    .filter((sentence) => sentence !== undefined)
    .join(' ');
}

function valueOf({ value, placeholder = '' }: OptionEntry): string {
  const noun = placeholder.toLowerCase();
  switch (value.type) {
    case 'flag':
      return '';
    case 'choice':
      return mainChoices(value.choices)
        .map((word) => `\`${word}\``)
        .join(', ');
    case 'integer':
    case 'size':
    case 'optional size':
    case 'rate':
    case 'duration':
      return writtenRangeOf(value) ?? '';
    case 'path':
    case 'host':
    case 'user':
    case 'text':
      return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
  }
}

function byDefaultOf(entry: OptionEntry): string {
  if (entry.default === false) return 'off';
  const byDefault = defaultOf(entry);
  if (byDefault === undefined) return entry.otherwise ?? '';
  return typeof entry.default === 'string' ? `\`${byDefault}\`` : byDefault;
}
