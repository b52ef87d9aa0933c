import { defaultOf, mainChoices, writtenRangeOf } from '../options/describe.ts';
import { type OptionEntry, optionGroups } from '../options/entry.ts';
import { optionEntries, type OptionName } from '../options/table.ts';
import { wrap } from './wrap.ts';

const helpColumns = 80;
const optionColumns = 27;

/** For the empty command line. */
export const usageLines: readonly string[] = [
  'Usage: basyn --local=PATH --remote=PATH [--host=HOST]',
  '             [--action=PUSH|POP --mode=SYNC|COPY] [--recheck] [options]',
  'basyn --help lists the options.',
];

/** All options with their defaults, the exit codes, and examples. */
export function helpLines(): string[] {
  const groups = optionGroups.map((group) => {
    const rows = optionEntries.filter(([, entry]) => entry.group === group);
    return [`${group}:`, ...rows.map(([name, entry]) => optionHelp(name, entry))].join('\n');
  });
  return [introduction, ...groups, exitCodes, examples].join('\n\n').split('\n');
}

const introduction = `Basyn copies a block device or file to another, here or over ssh, and sends only
what differs. Nothing needs to be installed on the remote host except node.

Usage: basyn --local=PATH --remote=PATH [options]
       basyn serve --help (restricts a key of ssh)
Values are written --option=value or --option value; names of actions, modes and
hashes in any case. Sizes are in kilobytes, or have a suffix, as in 64K or 8M.`;

const exitCodes = `Exit codes:
  0  Everything went well: after an action or --recheck, the data matches.
  1  The command line is wrong. Nothing was changed.
  2  Anything else went wrong, or --recheck found a difference. Data on the
     receiving device may already be changed.`;

const examples = `Examples:
  Send what differs in /dev/sda1 to the same device on another host:
    basyn --local=/dev/sda1 --remote=/dev/sda1 --host 10.0.0.1 \\
          --action=PUSH --mode=SYNC
  The same, in short:
    basyn -l /dev/sda1 -r /dev/sda1 -h 10.0.0.1 -a PUSH -m SYNC
  Small changes on a slow link: find and send them in pieces of 64 KiB:
    ... --chunk=64
  Spare the processors where the link is fast:
    ... --zlevel=0
  Read both again afterwards, and show what it took:
    ... --recheck --stat
  Compare only:
    basyn --local=/dev/sda1 --remote=/dev/sda1 --host 10.0.0.1 --recheck`;

function optionHelp(name: OptionName, entry: OptionEntry): string {
  const { short } = entry;
  const dashes = short === undefined ? `      --${name}` : `  -${short}, --${name}`;
  const left = dashes + valueInHelp(entry);
  const [first = '', ...others] = wrap(optionText(entry), helpColumns - optionColumns);
  const head =
    left.length < optionColumns ? left.padEnd(optionColumns) : `${left}\n${' '.repeat(optionColumns)}`;
  return [head + first, ...others.map((line) => ' '.repeat(optionColumns) + line)].join('\n');
}

function valueInHelp({ value, placeholder }: OptionEntry): string {
  if (placeholder === undefined) return '';
  return value.type === 'optional size' ? `[=${placeholder}]` : `=${placeholder}`;
}

/** What an option does, and the facts that the table has about its value. */
function optionText(entry: OptionEntry): string {
  const { value, otherwise, help, requiredFor } = entry;
  const range = writtenRangeOf(value);
  const byDefault = defaultOf(entry);
  const sentences = [
    help,
    ...(value.type === 'choice' && !explainsChoices(entry)
      ? [`One of ${mainChoices(value.choices).join(', ')}.`]
      : []),
    ...(range === undefined ? [] : [`${range}.`]),
    ...(requiredFor === 'run' ? ['Mandatory.'] : []),
    ...(byDefault === undefined ? [] : [`Default ${byDefault}.`]),
    ...(otherwise === undefined ? [] : [`Default: ${otherwise}.`]),
  ];
  return sentences.join(' ').replaceAll('`', '');
}

function explainsChoices({ value, help }: OptionEntry): boolean {
  return value.type === 'choice' && mainChoices(value.choices).every((word) => help.includes(`\`${word}\``));
}
