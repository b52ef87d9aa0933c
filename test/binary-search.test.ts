import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstIndexWhere } from '../src/binary-search.ts';

test('a binary search finds the first index that fulfils a condition, with few questions', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1000), (count, threshold) => {
      let questions = 0;
      const found = firstIndexWhere(count, (index) => {
        questions++;
        expect(index).toBeLessThan(count);
        return index >= threshold;
      });
      expect(found).toBe(Math.min(count, threshold));
      expect(questions).toBeLessThanOrEqual(Math.ceil(Math.log2(count + 1)));
    }),
  );
});
