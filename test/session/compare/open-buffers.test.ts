import { expect, test } from 'vitest';
import { Findings } from '../../../src/session/compare/findings.ts';
import { OpenBuffers } from '../../../src/session/compare/open-buffers.ts';

const bufferBytes = 10;

test('a buffer is refined when all work on it has ended, with what was found in it, in order', () => {
  const refined: [number, Findings][] = [];
  const buffers = new OpenBuffers(bufferBytes, (index, found) => refined.push([index, found]));
  const all = at(0, 10, 20, 30);
  const [upper, lower, later] = [at(5, 9, 10, 15), at(1), at(32)];
  buffers.begin(all);
  for (const part of [upper, lower, later]) buffers.begin(part);
  buffers.end(all);
  expect(refined.map(([index]) => index)).toEqual([2]);
  buffers.add(later);
  buffers.end(later);
  buffers.add(upper);
  buffers.end(upper);
  expect(refined.map(([index]) => index)).toEqual([2, 3, 1]);
  buffers.add(lower);
  buffers.end(lower);
  expect(refined.map(([index]) => index)).toEqual([2, 3, 1, 0]);

  // Together, they are the findings of the whole, with ranges joined across buffers.
  const [whole, joined] = [new Findings(), new Findings()];
  whole.add(at(1, 5, 9, 10, 15, 32));
  for (const [, found] of refined.sort(([a], [b]) => a - b)) joined.append(found);
  expect(joined).toEqual(whole);
  expect(joined.differingRanges).toContainEqual({ offsetBytes: 9, lengthBytes: 2 });
});

function at(...offsetsBytes: number[]): { offsetBytes: number; lengthBytes: number }[] {
  return offsetsBytes.map((offsetBytes) => ({ offsetBytes, lengthBytes: 1 }));
}
