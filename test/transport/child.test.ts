import { expect, onTestFinished, test } from 'vitest';
import { Child } from '../../src/transport/child.ts';
import { ProcessCleaner } from '../../src/transport/process-cleaner.ts';
import { bounds } from '../../src/limits.ts';
import { useProcessCheck } from '../support/process-check.ts';

useProcessCheck();

test('the output of a child is read, and its exit code is known after all of the output', async () => {
  const child = start('cat; echo done >&2; exit 7');
  child.stdin.end('some bytes');
  expect(await textOf(child.stdout)).toBe('some bytes');
  expect(await textOf(child.stderr)).toBe('done\n');
  expect(await child.exit).toEqual({ code: 7, signal: null });
  expect(child.bytesRead).toBe(10);
  expect(child.bytesWritten).toBe(10);
});

test.each([
  ['does not exist', '/no/such/program', 'ENOENT'],
  ['may not be run', '/etc/passwd', 'EACCES'],
])('a program that %s is an exit with the reason', async (_, file, code) => {
  const child = new Child(file, [], cleaner());
  child.stdin.write('nobody reads this');
  expect(await child.exit).toMatchObject({ code: null, signal: null, spawnError: { code } });
  expect(await textOf(child.stdout)).toBe('');
});

test('an argument that cannot be passed to a program is an exit with the reason', async () => {
  const child = new Child('true', ['a\0b'], cleaner());
  expect(await child.exit).toMatchObject({ spawnError: { code: 'ERR_INVALID_ARG_VALUE' } });
});

test('the end of its input ends a child that reads it', async () => {
  expect(await start('cat').end()).toEqual({ code: 0, signal: null });
});

test('a child that ignores the end of its input gets a signal to end', async () => {
  const startedMs = performance.now();
  expect(await start('exec sleep 600').end()).toEqual({ code: null, signal: 'SIGTERM' });
  expect(performance.now() - startedMs).toBeGreaterThan(bounds.killAfterMs - 100);
});

test('a child that ignores that signal is killed', async () => {
  const child = start(`trap '' TERM; echo ready; while :; do sleep 0.1; done`);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  expect(await child.stop()).toEqual({ code: null, signal: 'SIGKILL' });
});

test('a child that writes endlessly is ended although its output is not read', async () => {
  const child = start('yes');
  expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
});

test('a process that keeps the child’s stderr open is not waited for', async () => {
  const child = start('sleep 3 >&2 & exit 0');
  child.stdout.resume();
  const startedMs = performance.now();
  expect(await child.exit).toEqual({ code: 0, signal: null });
  expect(performance.now() - startedMs).toBeLessThan(2_500);
});

function start(script: string): Child {
  return new Child('/bin/sh', ['-c', script], cleaner());
}

function cleaner(): ProcessCleaner {
  const made = new ProcessCleaner(undefined);
  onTestFinished(() => made.close());
  return made;
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const bytes of stream) text += String(bytes);
  return text;
}
