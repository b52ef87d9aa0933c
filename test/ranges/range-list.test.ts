import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ExtentFact, PhaseReport, RunReport } from '../../src/report.ts';
import { RangeList } from '../../src/ranges/range-list.ts';
import { unionOf } from '../session/extent-facts.fixture.ts';
import { ascendingExtents } from '../support/extents.ts';
import { propertyCases } from '../support/lab-cases.ts';
import { scratchDirectory } from '../support/scratch.ts';

const phase = { phase: 'sync', differingBytes: 0 } as PhaseReport;
const report = { phases: [phase] } as unknown as RunReport;

test('a list has what any attempt or phase has found, once', () => {
  const attempts = fc.array(ascendingExtents(40, 5, 5), { maxLength: 5 });
  fc.assert(
    fc.property(attempts, ascendingExtents(5, 50, 9), (found, unreadable) => {
      const path = join(scratchDirectory(), 'list');
      const list = RangeList.open(path);
      const facts = found.flat().map((extent) => factOf('differing', extent));
      const lost = unreadable.map((extent) => factOf('unreadable', extent));
      for (const fact of [...lost.reverse(), ...facts]) list.add(fact);
      list.finish(report);
      list.close();
      const all = [...facts, ...lost].map((fact) => ({ ...fact, kind: 'differing' as const }));
      const expected = unionOf(all, 'sync', 'differing').map(({ offsetBytes, lengthBytes }) => ({
        offset: offsetBytes,
        length: lengthBytes,
      }));
      const bytes = expected.reduce((sum, { length }) => sum + length, 0);
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
      expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
        ...expected,
        { ranges: expected.length, bytes },
      ]);
    }),
    propertyCases(500),
  );
});

test('a list of many ranges is complete', () => {
  const path = join(scratchDirectory(), 'list');
  const list = RangeList.open(path);
  for (let index = 0; index < 20_000; index++) {
    list.add(factOf('differing', { offsetBytes: 8192 * index, lengthBytes: 4096 }));
  }
  // The same again, as a recheck finds it.
  for (let index = 0; index < 20_000; index++) {
    list.add(factOf('differing', { offsetBytes: 8192 * index + 4096, lengthBytes: 1 }));
  }
  list.finish(report);
  list.close();
  const lines = readFileSync(path, 'utf8').split('\n');
  expect(lines.slice(0, 2)).toEqual(['{"offset":0,"length":4097}', '{"offset":8192,"length":4097}']);
  expect(lines.slice(-2)).toEqual([`{"ranges":20000,"bytes":${20_000 * 4097}}`, '']);
});

test('a list that lacks what a phase has found is not written', () => {
  const path = join(scratchDirectory(), 'list');
  const list = RangeList.open(path);
  list.add(factOf('differing', { offsetBytes: 0, lengthBytes: 10 }));
  const unreported = { phases: [{ ...phase, differingBytes: 11 }] } as unknown as RunReport;
  expect(() => list.finish(unreported)).toThrow(/not all ranges that differ were reported/);
  const unread = { phases: [{ ...phase, unreadableRangeCount: 1 }] } as unknown as RunReport;
  expect(() => list.finish(unread)).toThrow(/not all ranges that can not be read were reported/);
  list.close();
  expect(readdirSync(dirname(path))).toEqual([]);
});

test('a file that appears under the name of the list during the run is not replaced', () => {
  const path = join(scratchDirectory(), 'list');
  const list = RangeList.open(path);
  writeFileSync(path, 'notes');
  expect(() => list.finish(report)).toThrow(/a file of this name was made during the run/);
  list.close();
  expect(readFileSync(path, 'utf8')).toBe('notes');
  expect(readdirSync(dirname(path))).toEqual(['list']);
});

function factOf(
  kind: 'differing' | 'unreadable',
  extent: { offsetBytes: number; lengthBytes: number },
): ExtentFact {
  return { phase: 'sync', kind, ...extent };
}
