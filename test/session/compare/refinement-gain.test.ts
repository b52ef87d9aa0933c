import { expect, test } from 'vitest';
import { RefinementGain } from '../../../src/session/compare/refinement-gain.ts';

const block = [{ offsetBytes: 0, lengthBytes: 65_536 }];
const chunk = [{ offsetBytes: 0, lengthBytes: 4096 }];

test('refinement stops if everything differs, is tried from time to time, and resumes when it is worthwhile', () => {
  const lines: string[] = [];
  const gain = new RefinementGain((line) => lines.push(line));
  expect(gain.isWorthwhile()).toBe(true);
  for (let count = 0; count < 4; count++) gain.observe(block, block);
  const decisions = Array.from({ length: 32 }, () => gain.isWorthwhile());
  expect(decisions.filter(Boolean)).toHaveLength(2);
  for (let count = 0; count < 4; count++) gain.observe(block, chunk);
  expect(gain.isWorthwhile()).toBe(true);
  expect(lines).toEqual([
    'decision: refinement off, as 76 % of refined ranges differ',
    'decision: refinement on, as 55 % of refined ranges differ',
  ]);
});
