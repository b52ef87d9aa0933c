import { mainChoices } from '../../src/options/describe.ts';
import type { OptionEntry, OptionValue } from '../../src/options/entry.ts';
import { optionEntries } from '../../src/options/table.ts';

/** The completion for bash, from the text of basyn.bash.in. */
export function bashCompletion(template: string): string {
  const others = ['integer', 'size', 'rate', 'duration', 'text'] as const;
  return template
    .replace('@CHOICES@', choiceCases)
    .replace('@PATHS@', () => patternFor('path'))
    .replace('@HOSTS@', () => patternFor('host'))
    .replace('@USERS@', () => patternFor('user'))
    .replace('@OTHERS@', () => patternFor(...others))
    .replace('@OPTIONS@', () => optionEntries.map(([name, { value }]) => word(name, value)).join(' '));
}

function choiceCases(): string {
  return optionEntries
    .flatMap(([name, entry]) =>
      entry.value.type === 'choice'
        ? [`  ${namesOf(name, entry)}) _basyn_words ${mainChoices(entry.value.choices).join(' ')} ;;`]
        : [],
    )
    .join('\n');
}

/** The options with such a value, as `case` wants them: "-h | --host". */
function patternFor(...types: readonly OptionValue['type'][]): string {
  return optionEntries
    .filter(([, { value }]) => types.includes(value.type))
    .map(([name, entry]) => namesOf(name, entry))
    .join(' | ');
}

function namesOf(name: string, { short }: OptionEntry): string {
  return short === undefined ? `--${name}` : `-${short} | --${name}`;
}

/** A value that need not be there is not asked for. */
function word(name: string, { type }: OptionValue): string {
  return type === 'flag' || type === 'optional size' ? `--${name}` : `--${name}=`;
}
