import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RateMeter } from '../../src/link/throughput-meter.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['hrtime'] }));
afterEach(() => void vi.useRealTimers());

/** One lane that takes so many bytes in so many milliseconds. */
function wait(meter: RateMeter, bytes: number, elapsedMs: number): void {
  meter.waitBegins();
  vi.advanceTimersByTime(elapsedMs);
  meter.waitEnds(bytes);
}

test('a link that nobody waited for has no rate', () => {
  expect(new RateMeter().bytesPerMs).toBeUndefined();
});

test('a link that was waited for only for a moment has no rate yet, as it may still be warming up', () => {
  const meter = new RateMeter();
  wait(meter, 1000, 90);
  expect(meter.bytesPerMs).toBeUndefined();
  wait(meter, 4000, 60);
  expect(meter.bytesPerMs).toBeGreaterThan(30);
});

test('time in which nobody waits does not count', () => {
  const meter = new RateMeter();
  for (let count = 0; count < 20; count++) {
    wait(meter, 1000, 10);
    vi.advanceTimersByTime(500);
  }
  expect(meter.bytesPerMs).toBeCloseTo(100);
});

test('a burst that goes into a buffer at once counts as its bytes, not as its speed', () => {
  const meter = new RateMeter();
  for (let count = 0; count < 50; count++) {
    wait(meter, 100_000, 1);
    wait(meter, 100_000, 1999);
  }
  expect(meter.bytesPerMs).toBeGreaterThan(95);
  expect(meter.bytesPerMs).toBeLessThan(105);
});

test('lanes that share a link have its rate together, and not each', () => {
  const meter = new RateMeter();
  for (let count = 0; count < 50; count++) {
    for (let lane = 0; lane < 4; lane++) meter.waitBegins();
    vi.advanceTimersByTime(100);
    for (let lane = 0; lane < 4; lane++) meter.waitEnds(2500);
  }
  expect(meter.bytesPerMs).toBeGreaterThan(90);
  expect(meter.bytesPerMs).toBeLessThan(110);
});

test('a link that becomes slower is noticed', () => {
  const meter = new RateMeter();
  for (let count = 0; count < 100; count++) wait(meter, 1000, 1);
  for (let count = 0; count < 100; count++) wait(meter, 1000, 100);
  expect(meter.bytesPerMs).toBeLessThan(11);
});
