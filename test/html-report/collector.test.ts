import { describe, expect, test } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { RunCollector } from '../../src/html-report/collector.ts';
import { JobsCollector } from '../../src/html-report/jobs-collector.ts';
import type { RunRecord } from '../../src/html-report/run-record.ts';
import type { Job } from '../../src/jobs/job.ts';
import type { Task } from '../../src/options/task.ts';
import type { RunEvent } from '../../src/report.ts';

const MiB = 1024 * 1024;
const task: Task = {
  kind: 'sync',
  options: { local: '/a', remote: '/b', host: 'backup', action: 'push', mode: 'sync' },
};
const source = { side: 'local', path: '/a', kind: 'block device', sizeBytes: 64 * MiB } as const;
const target = { ...source, side: 'remote', path: '/b' } as const;
const sync = { phase: 'sync', sizeBytes: 64 * MiB } as const;

/** A run that is told event by event, at its own time. */
class Told {
  #nowMs = 0;
  readonly collector = new RunCollector(task, 64, { wallMs: () => 5_000, monotonicMs: () => this.#nowMs });

  at(timeMs: number, event: RunEvent): this {
    this.#nowMs = timeMs;
    this.collector.event(event);
    return this;
  }

  progress(timeMs: number, doneMiB: number, linkBytes = 0): this {
    const traffic = { receivedBytes: 0, transmittedBytes: linkBytes };
    return this.at(timeMs, {
      type: 'progress',
      ...sync,
      doneBytes: doneMiB * MiB,
      traffic,
      elapsedMs: timeMs,
    });
  }

  end(timeMs: number): RunRecord {
    this.#nowMs = timeMs;
    return this.collector.record({ status: 'failed', error: new BasynError('connection', 'It is gone.') });
  }
}

const begun = (): Told =>
  new Told().at(1_000, { type: 'start', source, target }).at(1_000, { type: 'phase-start', ...sync });

describe('the collector of a run', () => {
  test('finds the times without progress, and what the run did then', () => {
    const record = begun()
      .progress(2_000, 8)
      .progress(6_000, 8)
      // Signs of life are no progress.
      .progress(9_000, 8, 100)
      .progress(10_000, 16)
      .at(11_000, { type: 'flushing', side: 'remote', phase: 'sync' })
      .end(30_000);
    expect(record.stalls).toMatchObject({ omittedCount: 0 });
    expect(record.stalls.items).toEqual([
      { startMs: 2_000, endMs: 10_000, during: 'sync' },
      { startMs: 10_000, endMs: 30_000, during: 'flushing the remote device' },
    ]);
  });

  test('does not count data over the link as a time without progress', () => {
    const record = begun()
      .progress(2_000, 8, 10_000)
      .progress(6_000, 8, 20_000)
      .progress(10_000, 8, 30_000)
      .end(11_000);
    expect(record.stalls.items).toEqual([]);
  });

  test('keeps the longest of many times without progress, and counts the others', () => {
    const told = begun();
    for (let index = 1; index <= 60; index++)
      told.progress(index * 10_000 + (index === 7 ? 2_000 : 0), index);
    const { stalls } = told.end(601_000);
    expect(stalls.items).toHaveLength(20);
    expect(stalls.omittedCount).toBe(40);
    expect(stalls.items).toContainEqual({ startMs: 60_000, endMs: 72_000, during: 'sync' });
  });

  test('tells when the link has failed, until the next attempt goes on', () => {
    const attempt = { attempt: 2, reason: 'The link was lost.', waitMs: 1_000 } as const;
    const record = begun()
      .progress(2_000, 32)
      .at(3_000, { type: 'attempt', ...attempt, phase: 'sync', fromBytes: 16 * MiB })
      .progress(5_000, 16)
      .progress(6_000, 24)
      .end(7_000);
    expect(record.reconnects.items).toEqual([
      { startMs: 3_000, endMs: 5_000, attempt: 2, reason: 'The link was lost.' },
    ]);
    expect(record.stalls.items).toEqual([]);
    const bytes = record.samples.reduce((sum, { startMs, endMs, doneRate }) => {
      return sum + doneRate * ((endMs - startMs) / 1000);
    }, 0);
    // What was done twice counts twice: it took its time.
    expect(Math.round(bytes)).toBe(40 * MiB);
  });

  test('maps what was found, and forgets what the next attempt finds again', () => {
    const told = begun();
    const find = (offsetMiB: number): void =>
      told.collector.extent({
        phase: 'sync',
        kind: 'differing',
        offsetBytes: offsetMiB * MiB,
        lengthBytes: MiB,
      });
    [3, 20, 30].forEach(find);
    told
      .progress(2_000, 32)
      .at(3_000, { type: 'attempt', attempt: 2, reason: '', waitMs: 0, phase: 'sync', fromBytes: 16 * MiB });
    find(21);
    const [phase] = told.progress(4_000, 48).end(5_000).phases;
    expect(phase).toMatchObject({
      phase: 'sync',
      state: 'not ended',
      doneBytes: 48 * MiB,
      accuracy: 'exact',
    });
    const differing = phase!.cells.flatMap(({ offsetBytes, bytes }) =>
      bytes.differing > 0 ? [offsetBytes / MiB] : [],
    );
    expect(differing).toEqual([3, 21]);
    expect(phase!.cells.filter(({ bytes }) => bytes.unreached > 0)).toHaveLength(16);
  });

  test('keeps the first warnings, and counts the others', () => {
    const told = begun();
    for (let index = 0; index < 100; index++)
      told.at(2_000, { type: 'warning', message: `warning ${index}` });
    expect(told.end(3_000).warnings).toMatchObject({ omittedCount: 70 });
  });
});

test('of many jobs, those that have failed and the largest ones keep their details', () => {
  const jobs = Array.from({ length: 300 }, (_, index): Job => ({ name: `job${index}`, ...task }));
  const clocks = { wallMs: () => 0, monotonicMs: () => 0 };
  const collector = new JobsCollector(jobs, clocks, ({ status }) => ({ status }));
  jobs.forEach(({ name: job }, index) => {
    const sized = { ...source, sizeBytes: index * MiB };
    collector.event({ job, type: 'job-start' });
    collector.event({ job, type: 'start', source: sized, target: sized });
    collector.event({ job, type: 'phase-start', phase: 'sync', sizeBytes: sized.sizeBytes });
    const status = index < 3 ? 'failed' : 'succeeded';
    collector.event({ job, type: 'job-end', status, attempts: 1, startedMs: 0, elapsedMs: 1 });
  });
  const detailed = collector.record().jobs.filter(({ detail }) => detail === 'full');
  const largest = Array.from({ length: 24 }, (_, index) => `job${276 + index}`);
  expect(detailed.map(({ name }) => name)).toEqual(['job0', 'job1', 'job2', ...largest]);
});
