import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ThroughputMeter } from '../../src/link/throughput-meter.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['hrtime'] }));
afterEach(() => void vi.useRealTimers());

/** One lane that transfers these bytes in this time. */
function wait(meter: ThroughputMeter, bytes: number, elapsedMs: number): void {
  meter.waitBegins();
  vi.advanceTimersByTime(elapsedMs);
  meter.waitEnds(bytes);
}

test('an idle link has no throughput', () => {
  expect(new ThroughputMeter().bytesPerMs).toBeUndefined();
});

test('a short wait gives no throughput yet, because the peer may still be starting', () => {
  const meter = new ThroughputMeter();
  wait(meter, 1000, 90);
  expect(meter.bytesPerMs).toBeUndefined();
  wait(meter, 4000, 60);
  expect(meter.bytesPerMs).toBeGreaterThan(30);
});

test('idle time does not count', () => {
  const meter = new ThroughputMeter();
  for (let count = 0; count < 20; count++) {
    wait(meter, 1000, 10);
    vi.advanceTimersByTime(500);
  }
  expect(meter.bytesPerMs).toBeCloseTo(100);
});

test('a burst that fits into a buffer counts by its bytes, not by its speed', () => {
  const meter = new ThroughputMeter();
  for (let count = 0; count < 50; count++) {
    wait(meter, 100_000, 1);
    wait(meter, 100_000, 1999);
  }
  expect(meter.bytesPerMs).toBeGreaterThan(95);
  expect(meter.bytesPerMs).toBeLessThan(105);
});

test('lanes that share a link have its throughput together, not each', () => {
  const meter = new ThroughputMeter();
  for (let count = 0; count < 50; count++) {
    for (let lane = 0; lane < 4; lane++) meter.waitBegins();
    vi.advanceTimersByTime(100);
    for (let lane = 0; lane < 4; lane++) meter.waitEnds(2500);
  }
  expect(meter.bytesPerMs).toBeGreaterThan(90);
  expect(meter.bytesPerMs).toBeLessThan(110);
});

test('a link that becomes slower is detected', () => {
  const meter = new ThroughputMeter();
  for (let count = 0; count < 100; count++) wait(meter, 1000, 1);
  for (let count = 0; count < 100; count++) wait(meter, 1000, 100);
  expect(meter.bytesPerMs).toBeLessThan(11);
});
