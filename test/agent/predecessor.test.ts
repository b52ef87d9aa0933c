import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { endPredecessors } from '../../src/agent/predecessor.ts';

const token = '0123456789abcdef0123456789abcdef';
const name = `basyn-${token}`.slice(0, 15);

test('an agent of an earlier attempt has ended before the next one continues, and others go on', async () => {
  const earlier = await processNamed(name, 'setInterval(() => undefined, 1000)');
  const deaf = await processNamed(
    name,
    'process.on("SIGTERM", () => undefined); setInterval(() => undefined, 1000)',
  );
  const other = await processNamed(`basyn-f${token}`.slice(0, 15), 'setInterval(() => undefined, 1000)');
  const title = process.title;
  onTestFinished(() => void (process.title = title));
  await endPredecessors({ token, attempt: 2 }, 10_000);
  expect(() => process.kill(other.pid!, 0)).not.toThrow();
  await expect
    .poll(() => [earlier.signalCode, deaf.signalCode, other.signalCode])
    .toEqual(['SIGTERM', 'SIGKILL', null]);
});

test('the first attempt ends nobody', async () => {
  const other = await processNamed(name, 'setInterval(() => undefined, 1000)');
  const title = process.title;
  onTestFinished(() => void (process.title = title));
  await endPredecessors({ token, attempt: 1 }, 10_000);
  expect(process.title).toBe(name);
  expect(other.exitCode ?? other.signalCode).toBeNull();
});

/** A process of node, with the name that an agent gives itself. */
async function processNamed(title: string, program: string): Promise<ChildProcess> {
  const script = `process.title = ${JSON.stringify(title)}; ${program}; console.log("ready")`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}
