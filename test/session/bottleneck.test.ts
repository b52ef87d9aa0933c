import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { BusyTime } from '../../src/busy-time.ts';
import type { WaitingTimes } from '../../src/report.ts';
import { bottleneckOf } from '../../src/session/bottleneck.ts';
import { RunClock } from '../../src/session/run-clock.ts';

const idle: WaitingTimes = { localDisk: 0, remoteDisk: 0, link: 0, processor: 0 };

function limitOf(waitingMs: WaitingTimes | undefined, elapsedMs = 10_000, connectingMs = 500): unknown {
  const times = { connectingMs, comparingMs: 0, flushingMs: 0, ...(waitingMs && { waitingMs }) };
  return bottleneckOf(times, elapsedMs, 'remote');
}

describe('the bottleneck', () => {
  test('is what was busy for most of the run, while all else was busy for much less', () => {
    expect(limitOf({ ...idle, link: 9000.4, processor: 3000 })).toEqual({
      limitedBy: 'link',
      limitedMs: 9000,
      ofMs: 10_000,
    });
    expect(limitOf({ ...idle, processor: 8000 })).toMatchObject({ limitedBy: 'processor', side: 'remote' });
    expect(limitOf(idle, 10_000, 9000)).toMatchObject({ limitedBy: 'start' });
  });

  test('is not named where two parts were busy alike, or none for most of the time', () => {
    expect(limitOf({ ...idle, link: 9000, remoteDisk: 8000 })).toBeUndefined();
    expect(limitOf({ ...idle, localDisk: 5500 })).toBeUndefined();
    expect(limitOf(idle)).toBeUndefined();
  });

  test('is not named for a run that is too short to tell, or whose times are not known', () => {
    expect(limitOf({ ...idle, link: 1900 }, 1900)).toBeUndefined();
    expect(limitOf(undefined, 10_000, 9000)).toBeUndefined();
  });
});

test('busy times count once what is under way together', async () => {
  const busy = new BusyTime();
  busy.begin(3);
  busy.begin(2);
  await sleep(50);
  busy.end(3);
  await sleep(50);
  busy.end(2);
  const { ms } = busy;
  expect(ms).toBeGreaterThan(95);
  await sleep(20);
  expect(busy.ms).toBe(ms);
});

test('the times of all attempts are added up, and the link has only what both sides know of', () => {
  const clock = new RunClock();
  const local = { diskMs: 100, processorMs: 30, exchangeMs: 700, dataMs: 600 };
  clock.attemptEnds('source', 'two', local);
  clock.attemptBegins();
  clock.remoteMeasured({ diskMs: 40, processorMs: 50, exchangeMs: 200, dataMs: 0 });
  clock.attemptEnds('source', 'two', local);
  expect(clock.times(10_000).waitingMs).toEqual({ localDisk: 200, remoteDisk: 40, link: 500, processor: 60 });
  expect(clock.times(150).waitingMs).toEqual({ localDisk: 150, remoteDisk: 40, link: 150, processor: 60 });
  clock.attemptBegins();
  clock.attemptEnds('source', 'two', undefined);
  expect(clock.times(10_000).waitingMs).toBeUndefined();
});

test('where the agent does not measure, the times of the run are not known', () => {
  const clock = new RunClock();
  clock.remoteMeasured(undefined);
  clock.attemptEnds('source', 'two', { diskMs: 100, processorMs: 30, exchangeMs: 700, dataMs: 600 });
  expect(clock.times(10_000).waitingMs).toBeUndefined();
});
