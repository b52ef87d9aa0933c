import { buildSync } from 'esbuild';
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import type { AlteredPlace } from '../support/altering-filter.ts';
import { expectFailure, guardPair, MiB, useWorkshop } from '../support/fault-workshop.ts';
import { casesOf } from '../support/lab-cases.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const workshop = useWorkshop(server);

beforeAll(() => {
  buildSync({
    entryPoints: ['test/support/altering-filter.ts'],
    bundle: true,
    platform: 'node',
    external: ['basyn:*'],
    format: 'esm',
    outfile: workshop.path('altering-filter.mjs'),
  });
});

const sentences: Record<AlteredPlace, RegExp> = {
  payload: /Data for offsets \d+ to \d+ of (local|remote) file \S+ arrived corrupted and was discarded/,
  extent: /Data for offsets \d+ to \d+ of (local|remote) file \S+ arrived corrupted and was discarded/,
  digest: /Data for offsets \d+ to \d+ of (local|remote) file \S+ arrived corrupted and was discarded/,
  encoding: /sent zeros with a payload/,
  length: /The header of a frame arrived corrupted/,
};
const places = Object.keys(sentences) as AlteredPlace[];

const cases = (['PUSH', 'POP'] as const).flatMap((action) => places.map((place) => [place, action] as const));
/** The filter alters what goes to the agent, or what comes from it. Each place is altered in one direction. */
const isSelected = ([place, action]: (typeof cases)[number]): boolean =>
  (places.indexOf(place) % 2 === 0) === (action === 'PUSH');

test.each(casesOf(cases, isSelected))(
  'an altered bit in the %s of a data frame ends a %s, and is not written',
  async (place, action) => {
    const pair = workshop.pair(6 * MiB);
    const check = guardPair(pair);
    const old = readFileSync(pair.target);
    const filter = `node ${workshop.path('altering-filter.mjs')} ${place}`;
    const remoteNode = action === 'PUSH' ? `${filter} | node` : `f() { node "$@" | ${filter}; }; f`;
    const options = ['--mode=COPY', '--compress=none', '--verbose', '--timeout=20'];
    const result = await workshop.run({ action, over: 'ssh' }, pair, [
      ...options,
      `--remote-node=${remoteNode}`,
    ]);
    expect(expectFailure(result, { withinMs: 30_000 })).toMatch(sentences[place]);
    check();
    const [source, target] = [readFileSync(pair.source), readFileSync(pair.target)];
    for (let start = 0; start < pair.sizeBytes; start += MiB) {
      const part = target.subarray(start, start + MiB);
      const isIntact = [source, old].some((whole) => part.equals(whole.subarray(start, start + MiB)));
      expect(isIntact, `at ${start}`).toBe(true);
    }
  },
);
