import { mainChoices } from '../../src/options/describe.ts';
import type { OptionEntry, OptionValue } from '../../src/options/entry.ts';
import { optionEntries } from '../../src/options/table.ts';
import { summaryOf } from './summary.ts';

/** The completion for fish, from the text of basyn.fish.in. */
export function fishCompletion(template: string): string {
  return template.replace('@OPTIONS@', () =>
    optionEntries.map(([name, entry]) => completeCommand(name, entry)).join('\n'),
  );
}

function completeCommand(name: string, entry: OptionEntry): string {
  const { short, value } = entry;
  const words = [
    'complete -c basyn',
    ...(short === undefined ? [] : [`-s ${short}`]),
    `-l ${name}`,
    ...argumentsOf(value),
    `-d ${quote(summaryOf(entry))}`,
  ];
  return words.join(' ');
}

/** `-r`: there is a value. `-F`: files are offered for it. `-x`: only what `-a` names is offered. */
function argumentsOf(value: OptionValue): string[] {
  switch (value.type) {
    case 'flag':
    case 'optional size':
      return [];
    case 'choice':
      return ['-x', `-a ${quote(`(__basyn_words ${mainChoices(value.choices).join(' ')})`)}`];
    case 'path':
      return ['-r', '-F'];
    case 'host':
      return ['-x', `-a ${quote('(__fish_complete_user_at_hosts)')}`];
    case 'user':
      return ['-x', `-a ${quote('(__fish_complete_users)')}`];
    case 'integer':
    case 'size':
    case 'rate':
    case 'duration':
    case 'text':
      return ['-x'];
  }
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
