import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { OrderedTurns } from '../../../src/session/transfer/ordered-turns.ts';

test('one caller at a time goes on, and then the one with the lowest place', async () => {
  const turns = new OrderedTurns();
  const order: number[] = [];
  let working = 0;
  const take = (place: number): Promise<void> =>
    turns.take(place, async () => {
      expect(++working).toBe(1);
      await setImmediate();
      order.push(place);
      working--;
    });
  await Promise.all([50, 30, 10, 40, 20, 10].map(take));
  expect(order).toEqual([50, 10, 10, 20, 30, 40]);
  await take(7);
  expect(order.at(-1)).toBe(7);
});

test('a caller that fails gives its turn to the next one', async () => {
  const turns = new OrderedTurns();
  const failing = turns.take(1, () => Promise.reject(new Error('failed')));
  const next = turns.take(2, () => Promise.resolve('done'));
  await expect(failing).rejects.toThrow('failed');
  await expect(next).resolves.toBe('done');
});
