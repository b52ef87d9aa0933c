import { BasynError } from '../errors.ts';
import type { OptionEntry } from './entry.ts';
import { optionTable, type OptionName } from './table.ts';
import type { Wording } from './wording.ts';

/** The error about an option that the run needs. */
export function missing(name: OptionName, wording: Wording): BasynError {
  const { value, placeholder = '' }: OptionEntry = optionTable[name];
  const advice =
    value.type === 'choice'
      ? `choose one of ${[...new Set(Object.values(value.choices))].join(', ')}`
      : `name the ${name === 'bitmap' ? 'state file' : `${name} device`} with ${wording.write({ [name]: placeholder })}`;
  return new BasynError('usage', `${wording.name(name)} is missing: ${advice}.`);
}
