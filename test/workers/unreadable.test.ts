import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { totalBytes, within, without, type Extent } from '../../src/digest/extent.ts';
import { bounds } from '../../src/limits.ts';
import { UnreadableRanges } from '../../src/workers/unreadable.ts';
import { failureOf } from '../support/failure.ts';
import { propertyCases } from '../support/lab-cases.ts';

const device = {
  side: 'local',
  hosts: 'two',
  path: '/dev/sdx',
  kind: 'block device',
  fd: -1,
  sizeBytes: 2 ** 40,
  access: 'buffered',
  alignmentBytes: 1,
} as const;

const lengthBytes = 60;
const ranges = fc.array(
  fc.record({ offsetBytes: fc.nat(lengthBytes - 1), lengthBytes: fc.integer({ min: 1, max: 9 }) }),
  { maxLength: 12 },
);

/** Which bytes the ranges cover. */
function covered(extents: readonly Extent[]): Set<number> {
  return new Set(
    extents.flatMap((extent) =>
      Array.from({ length: extent.lengthBytes }, (_, index) => extent.offsetBytes + index),
    ),
  );
}

describe('unreadable ranges', () => {
  test('are ascending, joined where they touch, and cover exactly what was added', () => {
    fc.assert(
      fc.property(ranges, (added) => {
        const unreadable = new UnreadableRanges(device);
        for (const range of added) unreadable.add(range);
        expect(covered(unreadable.ranges)).toEqual(new Set([...covered(added)].sort((a, b) => a - b)));
        expect(unreadable.totalBytes).toBe(totalBytes(unreadable.ranges));
        for (const [index, range] of unreadable.ranges.entries()) {
          const next = unreadable.ranges[index + 1];
          if (next !== undefined)
            expect(next.offsetBytes).toBeGreaterThan(range.offsetBytes + range.lengthBytes);
        }
      }),
      propertyCases(500),
    );
  });

  test('that are too many end the run with the first of them', async () => {
    const unreadable = new UnreadableRanges(device);
    for (let index = 0; index < bounds.unreadableRanges; index++) {
      unreadable.add({ offsetBytes: 8192 * index, lengthBytes: 4096 });
    }
    const last = { offsetBytes: 8192 * bounds.unreadableRanges, lengthBytes: 4096 };
    const { code, message, offsetBytes } = await failureOf(() => unreadable.add(last));
    expect({ code, offsetBytes }).toEqual({ code: 'device', offsetBytes: 0 });
    expect(message).toMatch(
      /^too much of local device \/dev\/sdx can't be read: 40964096 bytes in 10001 ranges so far, the first are 4096 bytes at byte 0, 4096 bytes at byte 8192, /,
    );
  });

  test('that are too long end the run', async () => {
    const unreadable = new UnreadableRanges(device);
    unreadable.add({ offsetBytes: 0, lengthBytes: bounds.unreadableBytes });
    const next = { offsetBytes: bounds.unreadableBytes, lengthBytes: 1 };
    expect(await failureOf(() => unreadable.add(next))).toMatchObject({ code: 'device' });
  });
});

describe('extents', () => {
  test('without others are their other bytes, in their order', () => {
    fc.assert(
      fc.property(ranges, ranges, (extents, removed) => {
        const left = without(extents, removed);
        expect(covered(left)).toEqual(
          new Set([...covered(extents)].filter((byte) => !covered(removed).has(byte))),
        );
        for (const extent of extents) {
          expect(without([extent], removed)).toEqual(left.splice(0, without([extent], removed).length));
        }
      }),
      propertyCases(500),
    );
  });

  test('within a range are their bytes in it', () => {
    fc.assert(
      fc.property(ranges, ranges, (extents, [range]) => {
        if (range === undefined) return;
        expect(covered(within(extents, range))).toEqual(
          new Set([...covered(extents)].filter((byte) => covered([range]).has(byte))),
        );
      }),
      propertyCases(500),
    );
  });
});
