import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeviceMap, type CellBytes } from '../../src/html-report/device-map.ts';
import type { ExtentKind } from '../../src/report.ts';

const KiB = 1024;

function totalOf(map: DeviceMap, doneBytes: number, counts: 'all' | 'what is read' = 'all'): CellBytes {
  const sum = { equal: 0, differing: 0, notRead: 0, unreadable: 0, unreached: 0, zero: 0 };
  for (const { bytes } of map.cells({ doneBytes, counts })) {
    for (const kind of Object.keys(sum) as (keyof CellBytes)[]) sum[kind] += bytes[kind];
  }
  return sum;
}

const nothing = { equal: 0, differing: 0, notRead: 0, unreadable: 0, unreached: 0, zero: 0 };

describe('the map of a device', () => {
  test('has a fixed number of cells, and counts each range in the cells that it touches', () => {
    const map = new DeviceMap(1024 * 1024 * KiB, 16);
    map.add('differing', { offsetBytes: 64 * 1024 * KiB - 4 * KiB, lengthBytes: 12 * KiB });
    const cells = map.cells({ doneBytes: 1024 * 1024 * KiB, counts: 'all' });
    expect(cells).toHaveLength(16);
    expect(cells.map(({ bytes }) => bytes.differing)).toEqual([
      4 * KiB,
      8 * KiB,
      ...Array<number>(14).fill(0),
    ]);
  });

  test('has cells of 4 KiB of a small device, and none of an empty one', () => {
    expect(new DeviceMap(9 * KiB, 16).cells({ doneBytes: 0, counts: 'all' })).toMatchObject([
      { offsetBytes: 0, lengthBytes: 4 * KiB },
      { offsetBytes: 4 * KiB, lengthBytes: 4 * KiB },
      { offsetBytes: 8 * KiB, lengthBytes: KiB },
    ]);
    expect(new DeviceMap(0, 16).cells({ doneBytes: 0, counts: 'all' })).toEqual([]);
  });

  test('adds up to the device, whatever is found in it', () => {
    const sizeBytes = 1000 * KiB + 512;
    const kinds: ExtentKind[] = ['differing', 'not read', 'unreadable'];
    const facts = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat(251), fc.integer({ min: 1, max: 9 })));
    const property = fc.property(facts, fc.nat(sizeBytes), (found, doneBytes) => {
      const map = new DeviceMap(sizeBytes, 7);
      for (const [kind, page, pages] of found) {
        map.add(kind, { offsetBytes: page * 4 * KiB, lengthBytes: pages * 4 * KiB });
      }
      const total = totalOf(map, doneBytes);
      expect(total.equal).toBeGreaterThanOrEqual(0);
      expect(total.unreached).toBeGreaterThanOrEqual(0);
      const sum = total.equal + total.differing + total.notRead + total.unreadable + total.unreached;
      expect(sum).toBe(sizeBytes);
    });
    fc.assert(property);
  });

  test('tells what was not reached, also where the progress leaves out what is not read', () => {
    const map = new DeviceMap(64 * KiB, 4);
    map.add('not read', { offsetBytes: 0, lengthBytes: 24 * KiB });
    const total = { ...nothing, equal: 20 * KiB, notRead: 24 * KiB, unreached: 20 * KiB };
    expect(totalOf(map, 20 * KiB, 'what is read')).toEqual(total);
    expect(totalOf(map, 44 * KiB, 'all')).toEqual(total);
  });

  test('counts zeros beside the other kinds', () => {
    const map = new DeviceMap(64 * KiB, 4);
    map.add('zero', { offsetBytes: 0, lengthBytes: 32 * KiB });
    map.add('differing', { offsetBytes: 16 * KiB, lengthBytes: 16 * KiB });
    expect(totalOf(map, 64 * KiB)).toEqual({
      ...nothing,
      equal: 48 * KiB,
      differing: 16 * KiB,
      zero: 32 * KiB,
    });
  });

  test('forgets what follows the place where the next attempt goes on', () => {
    const map = new DeviceMap(64 * KiB, 4);
    for (const offsetBytes of [0, 16, 32, 48]) {
      map.add('differing', { offsetBytes: offsetBytes * KiB, lengthBytes: 8 * KiB });
    }
    map.forgetFrom(32 * KiB);
    expect(map.accuracy).toBe('exact');
    expect(totalOf(map, 64 * KiB).differing).toBe(16 * KiB);
    // Within a cell, it is not known what was before that place: at most all before it.
    map.forgetFrom(20 * KiB);
    expect(map.accuracy).toBe('about');
    expect(totalOf(map, 64 * KiB).differing).toBe(12 * KiB);
  });
});
