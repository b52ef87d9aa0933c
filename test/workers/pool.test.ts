import { describe, expect, onTestFinished, test } from 'vitest';
import { threadProgram } from '../../src/agent-program.ts';
import type { DeviceHandle } from '../../src/device/device.ts';
import type { DigestJob, JobRunner } from '../../src/workers/jobs.ts';
import { InlineRunner } from '../../src/workers/inline.ts';
import { perform } from '../../src/workers/perform.ts';
import { WorkerPool } from '../../src/workers/pool.ts';
import { failureOf } from '../support/failure.ts';
import { fileHandle } from '../support/file-handle.ts';

const runners: [string, () => JobRunner][] = [
  ['threads', () => new WorkerPool(threadProgram(), 'local', 3)],
  ['the calling thread', () => new InlineRunner(perform)],
];

describe.each(runners)('jobs in %s', (_, start) => {
  test('all complete, each with its own result', async () => {
    const runner = started(start);
    const device = fileHandle(Buffer.from(Array.from({ length: 100 }, (_unused, index) => index)));
    const jobs = Array.from({ length: 100 }, (_unused, offset) =>
      runner.run(digestJob(device, offset), offset % 3 === 0 ? 'now' : 'ahead'),
    );
    const digests = (await Promise.all(jobs)).map((result) => Buffer.from(result.digests).toString('hex'));
    expect(new Set(digests).size).toBe(100);
    const again = await runner.run(digestJob(device, 42), 'now');
    expect(Buffer.from(again.digests).toString('hex')).toBe(digests[42]);
  });

  test('fail individually with their own errors', async () => {
    const runner = started(start);
    const device = fileHandle(Buffer.from('short'), 100);
    const bad = failureOf(() => runner.run(digestJob(device, 50), 'now'));
    const good = runner.run(digestJob(device, 0), 'now');
    expect(await bad).toMatchObject({ code: 'device', side: 'local', device: device.path });
    expect((await good).digests).toHaveLength(20);
  });

  test('that are not complete when the run ends are refused, and so are later ones', async () => {
    const runner = started(start);
    const device = fileHandle(Buffer.alloc(100));
    const waiting = Array.from({ length: 50 }, () =>
      failureOf(() => runner.run(digestJob(device, 0), 'ahead')),
    );
    await runner.close();
    for (const failure of await Promise.all(waiting)) expect(failure).toMatchObject({ code: 'aborted' });
    expect(await failureOf(() => runner.run(digestJob(device, 0), 'now'))).toMatchObject({ code: 'aborted' });
  });
});

test('jobs of kind "now" run before jobs of kind "ahead"', async () => {
  const pool = started(() => new WorkerPool(threadProgram(), 'local', 1));
  const device = fileHandle(Buffer.alloc(100));
  const done: string[] = [];
  const run = (urgency: 'now' | 'ahead'): Promise<unknown> =>
    pool.run(digestJob(device, 0), urgency).then(() => done.push(urgency));
  const ahead = Array.from({ length: 10 }, () => run('ahead'));
  await Promise.all([...ahead, run('now')]);
  // Jobs that the thread already has are done first.
  expect(done.indexOf('now')).toBeLessThan(4);
});

test('a thread that dies makes its jobs fail instead of leaving them pending', async () => {
  const pool = started(() => new WorkerPool('setTimeout(() => process.exit(7), 50)', 'remote', 1));
  const job = digestJob(fileHandle(Buffer.alloc(100)), 0);
  expect(await failureOf(() => pool.run(job, 'now'))).toMatchObject({
    code: 'internal',
    message: 'A worker thread on the remote host died: it exited unexpectedly.',
    side: 'remote',
  });
});

function started<R extends JobRunner>(start: () => R): R {
  const runner = start();
  onTestFinished(() => runner.close());
  return runner;
}

function digestJob(device: DeviceHandle, offsetBytes: number): DigestJob {
  return { kind: 'digest', device, hash: 'SHA1', extents: [{ offsetBytes, lengthBytes: 1 }], stepBytes: 1 };
}
