import { expect, test } from 'vitest';
import { bounds } from '../../src/limits.ts';
import { groupAfter, groupByteOf, groupOfByte } from '../../src/protocol/frame-group.ts';

const groups = Array.from({ length: bounds.frameGroups }, (_, index) => index + 1);

test('groups of data frames follow each other in a circle, and each fits into its byte', () => {
  let group = 1;
  for (const expected of [...groups, 1]) {
    expect(group).toBe(expected);
    expect(groupByteOf(group)).toBeLessThan(256);
    expect(groupOfByte(groupByteOf(group))).toBe(group);
    group = groupAfter(group);
  }
  expect(groupOfByte(groupByteOf(undefined))).toBeUndefined();
});

test('a single altered bit never makes one group of another', () => {
  for (const group of [undefined, ...groups]) {
    for (let bit = 0; bit < 8; bit++) {
      expect(groupOfByte(groupByteOf(group) ^ (1 << bit))).toBe('unknown');
    }
  }
});
