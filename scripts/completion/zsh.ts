import { mainChoices } from '../../src/options/describe.ts';
import type { OptionEntry, OptionValue } from '../../src/options/entry.ts';
import { optionEntries } from '../../src/options/table.ts';
import { summaryOf } from './summary.ts';

/** The completion for zsh, from the text of _basyn.in. */
export function zshCompletion(template: string): string {
  return template.replace('@OPTIONS@', () =>
    optionEntries.map(([name, entry]) => `  ${specification(name, entry)}`).join(' \\\n'),
  );
}

/** As `_arguments` wants it: '(-l --local)'{-l+,--local=}'[summary]:PATH:_files'. */
function specification(name: string, entry: OptionEntry): string {
  const { short, repeatable, value } = entry;
  const long = `--${name}${suffixOf(value)}`;
  const text = `[${escapeDescription(summaryOf(entry))}]${valueOf(entry)}`;
  if (short === undefined) return quote(`${repeatable === undefined ? '' : '*'}${long}${text}`);
  return `${quote(`(-${short} --${name})`)}{-${short}+,${long}}${quote(text)}`;
}

function suffixOf({ type }: OptionValue): string {
  if (type === 'flag') return '';
  // The value is optional, and in the same word.
  return type === 'optional size' ? '=-' : '=';
}

function valueOf({ value, placeholder = '' }: OptionEntry): string {
  const label = value.type === 'optional size' ? `::${placeholder}` : `:${placeholder}`;
  switch (value.type) {
    case 'flag':
      return '';
    case 'choice': {
      const words = mainChoices(value.choices).join(' ');
      return `${label}:compadd -M "m\\:{a-zA-Z}={A-Za-z}" - ${words}`;
    }
    case 'path':
      return `${label}:_files`;
    case 'host':
      return `${label}:_basyn_host`;
    case 'user':
      return `${label}:_users`;
    case 'integer':
    case 'size':
    case 'optional size':
    case 'rate':
    case 'duration':
    case 'text':
      return `${label}: `;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function escapeDescription(text: string): string {
  return text.replaceAll(/[\\[\]]/g, '\\$&');
}
