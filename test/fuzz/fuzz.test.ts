import { expect, test } from 'vitest';
import { frameHeaderBytes } from '../../src/protocol/frame.ts';
import { makeRandom } from '../../rig/images/random.ts';
import { caseCount } from '../support/lab-cases.ts';
import { fuzz } from './fuzz.ts';
import { mutate, mutations } from './mutate.ts';

test('corrupted conversations break no promise', { timeout: 600_000 }, async () => {
  const seed = Number(process.env.BASYN_TEST_SEED ?? 1);
  const { rounds, outcomes } = await fuzz({ seed, until: { rounds: 10 * caseCount(200) } });
  console.log(`seed ${seed}: ${rounds} conversations`, Object.fromEntries(outcomes));
  // Both outcomes occurred: conversations that are refused, and some that look like an honest run.
  expect(outcomes.get('protocol')).toBeGreaterThan(rounds / 10);
  expect(outcomes.get('success')).toBeGreaterThan(rounds / 10);
});

test('the same seed gives the same corruption, and every kind of corruption is used', () => {
  const frames = Array.from({ length: 20 }, (_, index) => {
    const frame = Buffer.alloc(frameHeaderBytes + index * 10, index);
    frame.writeUInt32BE(index * 10, 4);
    return { to: 'agent' as const, frame };
  });
  const used = new Set<string>();
  for (let seed = 1; seed < 200; seed++) {
    const first = mutate(frames, frames, makeRandom(seed));
    expect(mutate(frames, frames, makeRandom(seed))).toEqual(first);
    for (const name of first.how) used.add(name);
  }
  expect([...used].sort()).toEqual(Object.keys(mutations).sort());
});
