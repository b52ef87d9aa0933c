import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bounds } from '../src/limits.ts';
import { sharedRate, TokenBucket } from '../src/token-bucket.ts';

const { burstMs } = bounds;

const bytesPerSecond = 1_000_000;
const startMs = 10_000;

describe('a token bucket', () => {
  it('lets bytes pass at its rate', () => {
    const { bucket, clock } = makeBucket();
    for (let piece = 0; piece < 100; piece++) clock.ms += bucket.reserve(20_000);
    // 2 MB take two seconds, of which the first burst is free.
    expect(clock.ms - startMs).toBe(2000 - burstMs);
  });

  it('makes up for late callers, up to a burst', () => {
    const { bucket, clock } = makeBucket();
    for (let piece = 0; piece < 100; piece++) {
      clock.ms += bucket.reserve(20_000);
      clock.ms = Math.max(clock.ms, Math.ceil(clock.ms / 100) * 100);
    }
    expect(clock.ms - startMs).toBeLessThanOrEqual(2000);
  });

  it('keeps the order of callers that wait at the same time, and serves all of them', () => {
    const { bucket } = makeBucket();
    bucket.reserve((burstMs / 1000) * bytesPerSecond);
    expect([100_000, 1000, 50_000].map((bytes) => bucket.reserve(bytes))).toEqual([100, 101, 151]);
  });

  it('does not wait for less than a millisecond, but counts it', () => {
    const { bucket } = makeBucket();
    bucket.reserve((burstMs / 1000) * bytesPerSecond);
    expect([400, 400, 400].map((bytes) => bucket.reserve(bytes))).toEqual([0, 0, 1.2]);
  });

  it('is shared by all that have the same memory', () => {
    const rate = sharedRate(bytesPerSecond);
    const clock = { ms: 5000 };
    const [one, other] = [new TokenBucket(rate, () => clock.ms), new TokenBucket(rate, () => clock.ms)];
    one.reserve((burstMs / 1000) * bytesPerSecond);
    expect(one.reserve(10_000)).toBe(10);
    expect(other.reserve(10_000)).toBe(20);
  });

  it('never lets more pass within any time than the rate and one burst, whoever asks and when', () => {
    const request = fc.record({ idleMs: fc.nat(2000), bytes: fc.nat(300_000) });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 50 }), (requests) => {
        const { bucket, clock } = makeBucket();
        const passed: { readonly atMs: number; readonly bytes: number }[] = [];
        for (const { idleMs, bytes } of requests) {
          clock.ms += idleMs;
          clock.ms += bucket.reserve(bytes);
          passed.push({ atMs: clock.ms, bytes });
        }
        for (let first = 0; first < passed.length; first++) {
          // The first one of a time may have waited before it.
          let bytes = 0;
          for (let last = first + 1; last < passed.length; last++) {
            bytes += passed[last]!.bytes;
            const durationMs = passed[last]!.atMs - passed[first]!.atMs;
            expect(bytes).toBeLessThanOrEqual(((durationMs + burstMs + 1) / 1000) * bytesPerSecond);
          }
        }
      }),
    );
  });
});

function makeBucket(): { readonly bucket: TokenBucket; readonly clock: { ms: number } } {
  const clock = { ms: startMs };
  return { bucket: new TokenBucket(sharedRate(bytesPerSecond), () => clock.ms), clock };
}
