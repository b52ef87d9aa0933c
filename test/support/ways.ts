import { casesOf } from './lab-cases.ts';

/** Every kind of run that writes: with one host or two, in each direction, in each mode. */
export const ways = (['here', 'over ssh'] as const).flatMap((where) =>
  (['PUSH', 'POP'] as const).flatMap((action) =>
    (['SYNC', 'COPY'] as const).map((mode) => ({ where, action, mode })),
  ),
);
export type Way = (typeof ways)[number];

/** Each place, direction and mode. The laboratory takes every combination. */
export const someWays: readonly Way[] = casesOf(
  ways,
  ({ where, action, mode }) => (action === 'PUSH') === ((where === 'here') === (mode === 'SYNC')),
);
