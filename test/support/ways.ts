/** Every kind of run that writes: with one host or two, in each direction, in each mode. */
export const ways = (['here', 'over ssh'] as const).flatMap((where) =>
  (['PUSH', 'POP'] as const).flatMap((action) =>
    (['SYNC', 'COPY'] as const).map((mode) => ({ where, action, mode })),
  ),
);
export type Way = (typeof ways)[number];
