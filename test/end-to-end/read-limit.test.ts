import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { casesOf } from '../support/lab-cases.ts';
import { expectSilence, hostOptions, jsonLines, useBasyn } from '../support/basyn.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
const MiB = 1024 * 1024;
const sizeBytes = 24 * MiB;
const rateBytes = 4 * MiB;
/** Without the burst, which is free. */
const leastMs = (sizeBytes / rateBytes) * 1000 - 400;

describe.each(['here', 'over ssh'] as const)('--read-limit, %s', (where) => {
  const storages = casesOf(
    ['on a disk', 'in memory'] as const,
    (place) => (place === 'on a disk') === (where === 'here'),
  );
  test.each(storages)('counts both devices separately (%s)', async (place) => {
    const args = [...equalPair(place), ...hostOf(where), '--read-limit=4M', '--timeout=2'];
    const result = await basyn.run(args);
    expectSilence(result);
    expect(result.wallMs).toBeGreaterThan(leastMs);
    // One device after the other would take twice the time.
    expect(result.wallMs).toBeLessThan(1.8 * leastMs);
  });
});

test.each(['here', 'over ssh'] as const)(
  '--read-limit moves the progress in small steps, %s',
  async (where) => {
    const result = await basyn.run([
      ...equalPair('in memory'),
      ...hostOf(where),
      '--read-limit=4M',
      '--json',
    ]);
    expect(result).toMatchObject({ exitCode: 0 });
    const places = jsonLines(result).flatMap(({ type, doneBytes }) =>
      type === 'progress' ? [doneBytes as number] : [],
    );
    // A job without a limit is 8 MiB.
    expect(new Set(places).size).toBeGreaterThan(sizeBytes / (8 * MiB) + 3);
  },
);

test('--read-limit is smooth although a job is larger than what a second allows, and ends at once with a signal', async () => {
  const args = [...equalPair('in memory'), '--read-limit=2M', '--buffer=16M', '--chunk=16M'];
  const run = await basyn.start(args);
  const seen: number[] = [];
  for (let second = 0; second < 5; second++) {
    await sleep(1000);
    seen.push(bytesReadBy(run.pid));
  }
  const perSecond = seen.slice(1).map((bytes, index) => bytes - seen[index]!);
  // Two devices, and the pieces of two threads.
  for (const bytes of perSecond) expect(bytes).toBeLessThan(2 * 2 * MiB + 2 * MiB);
  expect(perSecond.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(4 * 2 * MiB);
  const signalledMs = performance.now();
  run.child.kill('SIGTERM');
  expect((await run.result).exitCode).toBe(2);
  expect(performance.now() - signalledMs).toBeLessThan(1500);
});

function equalPair(place: 'on a disk' | 'in memory'): string[] {
  const directory = place === 'in memory' ? scratchDirectory(memoryDirectory) : scratchDirectory();
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  // Holes would not be read.
  const bytes = randomBytes(sizeBytes);
  for (const path of [source, target]) writeFileSync(path, bytes);
  return [`--local=${source}`, `--remote=${target}`, '--action=PUSH', '--mode=SYNC'];
}

function hostOf(where: 'here' | 'over ssh'): string[] {
  return where === 'here' ? [] : hostOptions(server());
}

/** By system calls of all threads. */
function bytesReadBy(pid: number): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1]);
}
