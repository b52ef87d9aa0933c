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

/** @param options checked ones, in which no key is `undefined`. */
export function withDefaults<Options extends object>(options: Options): Complete<Options> {
  return { ...defaults, ...options } as Complete<Options>;
}
