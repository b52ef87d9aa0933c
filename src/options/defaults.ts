import { defaults as limitDefaults } from '../limits.ts';
import { type KeyWithDefault, optionEntries } from './table.ts';

/** Options whose defaults are filled in. */
export type Complete<Options> = Options & {
  readonly [Key in keyof Options & KeyWithDefault]-?: Exclude<Options[Key], undefined>;
};

const defaults = Object.fromEntries(
  optionEntries.flatMap(([, entry]) =>
    entry.key === undefined || entry.default === undefined ? [] : [[entry.key, entry.default]],
  ),
);

/** A list of changes is followed more closely than a whole device is compared. */
const withList = { bufferBytes: limitDefaults.listBufferBytes };

/** @param options checked ones, in which no key is `undefined`. */
export function withDefaults<Options extends object>(options: Options): Complete<Options> {
  const hasList = 'changed' in options && options.changed !== undefined;
  return { ...defaults, ...(hasList && withList), ...options } as Complete<Options>;
}
