import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { geometryOf } from '../../src/digest/geometry.ts';
import {
  examinedBytesBefore,
  fromBuffer,
  isExamined,
  rangesOf,
  runsOf,
  withoutRanges,
  type Coverage,
} from '../../src/session/coverage.ts';
import { RunCollector, unionOf } from '../../src/session/run-collector.ts';
import { only } from './coverage.fixture.ts';

const bufferBytes = 100;
const geometry = geometryOf(5_950, bufferBytes, 50);
const bufferCount = 60;

const ranges = fc.array(
  fc.record({
    offsetBytes: fc.integer({ min: 0, max: 6_200 }),
    lengthBytes: fc.oneof(fc.integer({ min: 0, max: 150 }), fc.integer({ min: 0, max: 1_000 })),
  }),
  { maxLength: 60 },
);

describe('a collector of runs', () => {
  test('examines exactly the buffers of which a range has a byte, whatever their order and overlaps', () => {
    fc.assert(
      fc.property(ranges, fc.integer({ min: 61, max: 80 }), (given, mostRuns) => {
        const collector = new RunCollector(geometry, mostRuns);
        for (const { offsetBytes, lengthBytes } of given) collector.addBytes(offsetBytes, lengthBytes);
        expectSame(collector.coverage(), buffersOf(given));
      }),
    );
  });

  test('has no more runs than it may, and then examines more, but never less', () => {
    fc.assert(
      fc.property(ranges, fc.integer({ min: 1, max: 6 }), (given, mostRuns) => {
        const collector = new RunCollector(geometry, mostRuns);
        for (const { offsetBytes, lengthBytes } of given) collector.addBytes(offsetBytes, lengthBytes);
        const coverage = collector.coverage();
        expect([...runsOf(coverage)].length).toBeLessThanOrEqual(mostRuns);
        for (const index of buffersOf(given)) expect(isExamined(coverage, index)).toBe(true);
      }),
    );
  });

  test('joins the runs with the smallest gaps, and no more of them than it has to', () => {
    const collector = new RunCollector(geometry, 3);
    for (const index of [0, 2, 6, 8, 20]) collector.add(index, index + 1);
    expect([...runsOf(collector.coverage())]).toEqual([
      { firstIndex: 0, endIndex: 3 },
      { firstIndex: 6, endIndex: 9 },
      { firstIndex: 20, endIndex: 21 },
    ]);
  });

  test('unites coverages', () => {
    const union = unionOf(geometry, [only([1, 2, 9]), only([]), only([3, 9, 10, 59])]);
    expectSame(union, [1, 2, 3, 9, 10, 59]);
  });

  test('takes millions of ranges in a bounded number of runs', () => {
    const large = geometryOf(2 ** 50, 4096, 4096);
    const collector = new RunCollector(large, 1000);
    for (let count = 0; count < 1_000_000; count++) {
      collector.addBytes(((count * 7_919) % 1_000_003) * 1_000_000, 5);
    }
    expect([...runsOf(collector.coverage())]).toHaveLength(1000);
  });
});

describe('a coverage', () => {
  const indexes = fc.uniqueArray(fc.nat(bufferCount - 1)).map((chosen) => chosen.sort((a, b) => a - b));

  test('from a buffer on has the buffers from there', () => {
    fc.assert(
      fc.property(indexes, fc.nat(bufferCount), (chosen, first) => {
        const part = fromBuffer(coverageOf(chosen), first);
        expectSame(
          part,
          chosen.filter((index) => index >= first),
        );
      }),
    );
  });

  test('without ranges has the buffers that none of them covers', () => {
    const bounds = fc
      .uniqueArray(fc.integer({ min: 0, max: 5_950 }), { maxLength: 20 })
      .map((chosen) => Float64Array.from(chosen.slice(chosen.length % 2)).sort());
    fc.assert(
      fc.property(indexes, bounds, (chosen, excluded) => {
        const isCovered = (index: number): boolean => {
          const endBytes = Math.min((index + 1) * bufferBytes, geometry.sizeBytes);
          for (let pair = 0; pair < excluded.length; pair += 2) {
            if (excluded[pair]! <= index * bufferBytes && endBytes <= excluded[pair + 1]!) return true;
          }
          return false;
        };
        const left = withoutRanges(coverageOf(chosen), geometry, excluded);
        expectSame(
          left,
          chosen.filter((index) => !isCovered(index)),
        );
      }),
    );
  });

  test('counts the examined bytes in front of an offset', () => {
    fc.assert(
      fc.property(indexes, fc.integer({ min: 0, max: 5_950 }), (chosen, offsetBytes) => {
        const expected = chosen
          .map((index) => Math.min((index + 1) * bufferBytes, offsetBytes) - index * bufferBytes)
          .reduce((sum, bytes) => sum + Math.max(0, bytes), 0);
        expect(examinedBytesBefore(coverageOf(chosen), geometry, offsetBytes)).toBe(expected);
      }),
    );
  });
});

function coverageOf(indexes: readonly number[]): Coverage {
  const collector = new RunCollector(geometry, 100);
  for (const index of indexes) collector.add(index, index + 1);
  return collector.coverage();
}

function buffersOf(given: readonly { offsetBytes: number; lengthBytes: number }[]): number[] {
  return Array.from({ length: bufferCount }, (_, index) => index).filter((index) =>
    given.some(
      ({ offsetBytes, lengthBytes }) =>
        lengthBytes > 0 &&
        offsetBytes < (index + 1) * bufferBytes &&
        offsetBytes + lengthBytes > index * bufferBytes,
    ),
  );
}

/** Compares every answer with that of a plain list. */
function expectSame(coverage: Coverage, indexes: readonly number[]): void {
  const plain = only(indexes);
  const answersOf = (each: Coverage): unknown => ({
    bufferCount: each.bufferCount,
    indexes: indexes.map((_, position) => each.indexAt(position)),
    runLengths: indexes.map((_, position) => each.runLengthAt(position)),
    positions: Array.from({ length: bufferCount + 2 }, (_, index) => each.positionOf(index)),
    ranges: [...rangesOf(each, geometry, Infinity)],
  });
  expect(answersOf(coverage)).toEqual(answersOf(plain));
}
