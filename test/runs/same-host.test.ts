import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inspect, sync, type RunEvent } from '../../src/index.ts';
import { failureOf } from '../support/failure.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';

const push = { action: 'push', mode: 'copy' } as const;

test('the message of an error of a run on one host names no side, has it as a field, and keeps a path that looks like a side', async () => {
  const local = scratchFile(Buffer.alloc(10));
  const remote = join(scratchDirectory(), 'remote file of the local device x');
  expect(await failureOf(() => sync({ local, remote, ...push }))).toMatchObject({
    message: `target ${remote} does not exist.`,
    side: 'remote',
    device: remote,
  });
  expect(await failureOf(() => inspect({ local, remote }))).toMatchObject({
    message: `device ${remote} does not exist.`,
    side: 'remote',
  });
});

test('a warning of a run on one host names no side, and keeps a path that looks like a side', async () => {
  const local = scratchFile(Buffer.alloc(10));
  const remote = join(scratchDirectory(), 'a remote target x');
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent): void => void events.push(event);
  await sync({ local, remote, ...push, create: true, dryRun: true, onEvent });
  expect(events).toContainEqual({ type: 'warning', message: `target ${remote} would be created.` });
});

test('an open device of a run on one host is named without a side', async () => {
  const local = scratchFile(Buffer.alloc(0), 'a remote file x');
  const remote = join(scratchDirectory(), 'link');
  symlinkSync(local, remote);
  expect((await failureOf(() => sync({ local, remote, ...push }))).message).toBe(
    `file ${local} is empty: it has 0 bytes.`,
  );
});
