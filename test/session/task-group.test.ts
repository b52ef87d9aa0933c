import { setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { TaskGroup } from '../../src/session/task-group.ts';

const never = new Promise<never>(() => undefined);

test('awaited work ends with its own result', async () => {
  const tasks = new TaskGroup();
  tasks.spawn(Promise.resolve('ignored'));
  expect(await tasks.race(Promise.resolve(3))).toBe(3);
});

test('awaited work fails with its own error', async () => {
  const tasks = new TaskGroup();
  tasks.spawn(never);
  await expect(tasks.race(Promise.reject(new Error('own')))).rejects.toThrow('own');
});

test('the first failure in the group ends current and later awaits', async () => {
  const tasks = new TaskGroup();
  let fail: (error: Error) => void = () => undefined;
  tasks.spawn(new Promise((_, reject) => (fail = reject)));
  tasks.spawn(never);
  const awaited = tasks.race(never);
  fail(new Error('first'));
  tasks.spawn(turn().then(() => Promise.reject(new Error('second'))));
  await expect(awaited).rejects.toThrow('first');
  await turn();
  await expect(tasks.race(never)).rejects.toThrow('first');
});

test('a failure that is not awaited causes no unhandled rejection', async () => {
  const unhandled: unknown[] = [];
  const catchUnhandled = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', catchUnhandled);
  onTestFinished(() => void process.off('unhandledRejection', catchUnhandled));
  new TaskGroup().spawn(Promise.reject(new Error('alone')));
  await turn();
  await turn();
  expect(unhandled).toEqual([]);
});
