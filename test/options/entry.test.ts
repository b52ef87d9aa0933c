import { expect, it } from 'vitest';
import type { CheckedEntry } from '../../src/options/entry.ts';

// The compiler makes the checks of these tests: `npm run typecheck` fails if it accepts a line that it must reject.

const flag = { group: 'What to do', value: { type: 'flag' }, help: 'x' } as const;
const create = { ...flag, key: 'create', scope: 'transfer' } as const satisfies CheckedEntry;
const hash = { group: 'Comparison', key: 'hash', scope: 'comparison', placeholder: 'X', help: 'x' } as const;

it('the compiler compares an entry with the type of the library’s option', () => {
  const wrong: CheckedEntry[] = [
    // @ts-expect-error no type in types.ts has this key
    { ...create, key: 'creat' },
    // @ts-expect-error only sync takes it
    { ...create, scope: 'run' },
    // @ts-expect-error it can be omitted
    { ...create, requiredFor: 'run' },
    // @ts-expect-error it is not a number
    { ...create, value: { type: 'integer', least: 0, most: 1 }, placeholder: 'N' },
    // @ts-expect-error a flag has no value to stand for
    { ...create, placeholder: 'X' },
    // @ts-expect-error the library has no hash of this name
    { ...hash, value: { type: 'choice', choices: { A: 'A' } } },
    // @ts-expect-error the library takes an array
    { ...flag, key: 'sshOptions', scope: 'run', value: { type: 'text' }, placeholder: 'X' },
    // @ts-expect-error every run needs it
    { ...flag, key: 'local', scope: 'run', value: { type: 'path' }, placeholder: 'X' },
  ];
  expect(wrong).toHaveLength(8);
});
