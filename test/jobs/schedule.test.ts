import { describe, expect, test } from 'vitest';
import { Schedule, type Needs, type ScheduleLimits } from '../../src/jobs/schedule.ts';

const free: ScheduleLimits = { parallel: 10, parallelOn: () => Infinity, disks: 'exclusive' };

/** Starts what can be started. */
function startAll(schedule: Schedule): number[] {
  const started: number[] = [];
  for (let index = schedule.start(); index !== undefined; index = schedule.start()) started.push(index);
  return started;
}

describe('the next job', () => {
  test('is the first one in the order of the jobs, up to the limit of all jobs', () => {
    const schedule = new Schedule([{ disks: [] }, { disks: [] }, { disks: [] }], { ...free, parallel: 2 });
    expect(startAll(schedule)).toEqual([0, 1]);
    schedule.end(0);
    expect(startAll(schedule)).toEqual([2]);
    schedule.end(1);
    schedule.end(2);
    expect(startAll(schedule)).toEqual([]);
  });

  test('waits for a disk that another one uses, while those behind it go on', () => {
    const jobs: Needs[] = [{ disks: ['a', 'b'] }, { disks: ['b'] }, { disks: ['c'] }, { disks: ['a'] }];
    const schedule = new Schedule(jobs, free);
    expect(startAll(schedule)).toEqual([0, 2]);
    schedule.end(2);
    expect(startAll(schedule)).toEqual([]);
    schedule.end(0);
    expect(startAll(schedule)).toEqual([1, 3]);
  });

  test('does not wait for a disk if disks are shared', () => {
    const schedule = new Schedule([{ disks: ['a'] }, { disks: ['a'] }], { ...free, disks: 'shared' });
    expect(startAll(schedule)).toEqual([0, 1]);
  });

  test('waits for its host, which has a limit of its own', () => {
    const jobs = ['backup', 'backup', 'other', undefined, 'backup'].map((host) => ({ host, disks: [] }));
    const schedule = new Schedule(jobs, {
      ...free,
      parallelOn: (host) => (host === 'backup' ? 1 : Infinity),
    });
    expect(startAll(schedule)).toEqual([0, 2, 3]);
    schedule.end(0);
    expect(startAll(schedule)).toEqual([1]);
    schedule.end(1);
    expect(startAll(schedule)).toEqual([4]);
  });
});
