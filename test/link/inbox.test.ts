import { beforeEach, expect, test } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { bounds } from '../../src/limits.ts';
import { Inbox } from '../../src/link/inbox.ts';
import type { Message } from '../../src/protocol/messages.ts';
import { failureOf } from '../support/failure.ts';

const message: Message = { type: 'advance', doneBuffers: 1 };
let calls: string[];
let inbox: Inbox;

beforeEach(() => {
  calls = [];
  inbox = new Inbox({ pause: () => calls.push('pause'), resume: () => calls.push('resume') });
});

test.each([
  ['messages', bounds.queuedMessages, 1],
  ['bytes', 4, bounds.queuedBytes / 4],
])('stops reading at the limit of %s, and reads again when it is empty', async (_, count, frameBytes) => {
  for (let index = 1; index < count; index++) inbox.put(message, frameBytes);
  expect(calls).toEqual([]);
  inbox.put(message, frameBytes);
  // Messages that still arrive do not stop it a second time.
  inbox.put(message, frameBytes);
  expect({ calls, isPaused: inbox.isPaused }).toEqual({ calls: ['pause'], isPaused: true });
  for (let index = 0; index < count; index++) await inbox.next();
  expect(calls).toEqual(['pause']);
  await inbox.next();
  expect({ calls, isPaused: inbox.isPaused }).toEqual({ calls: ['pause', 'resume'], isPaused: false });
});

test('a message that is awaited takes no space', async () => {
  const next = inbox.next();
  expect(inbox.hasWaiter).toBe(true);
  inbox.put(message, bounds.queuedBytes);
  expect({ calls, hasWaiter: inbox.hasWaiter }).toEqual({ calls: [], hasWaiter: false });
  expect(await next).toBe(message);
});

test('a failure comes after the messages that arrived before it', async () => {
  inbox.put(message, 1);
  inbox.fail(new BasynError('connection', 'The line is dead.'));
  expect(await inbox.next()).toBe(message);
  expect(await failureOf(() => inbox.next())).toMatchObject({ message: 'The line is dead.' });
});
