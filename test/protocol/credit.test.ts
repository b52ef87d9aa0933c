import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Credit } from '../../src/protocol/credit.ts';

test('never grants more than is available, serves in order of arrival, and serves every request', async () => {
  const amounts = fc.array(fc.integer({ min: 0, max: 10 }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 10, max: 30 }),
      amounts,
      fc.infiniteStream(fc.nat(3)),
      async (stock, wanted, turns) => {
        const credit = new Credit(stock);
        const held: number[] = [];
        const served: number[] = [];
        const waits = wanted.map(async (amount, index) => {
          await credit.acquire(amount);
          served.push(index);
          held.push(amount);
        });
        for (;;) {
          await settle();
          expect(sum(held)).toBeLessThanOrEqual(stock);
          if (served.length === wanted.length) break;
          // A holder returns its credit, sometimes in two parts.
          expect(held.length).toBeGreaterThan(0);
          const amount = held.splice(turns.next().value % held.length, 1)[0]!;
          const part = Math.min(amount, turns.next().value);
          credit.release(part);
          credit.release(amount - part);
        }
        await Promise.all(waits);
        expect(served).toEqual(wanted.map((_, index) => index));
      },
    ),
  );
});

test('a small request waits behind an earlier large one', async () => {
  const credit = new Credit(5);
  const served: string[] = [];
  await credit.acquire(3);
  void credit.acquire(4).then(() => served.push('large'));
  void credit.acquire(1).then(() => served.push('small'));
  await settle();
  expect(served).toEqual([]);
  credit.release(3);
  await settle();
  expect(served).toEqual(['large', 'small']);
});

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
