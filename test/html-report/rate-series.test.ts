import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RateSeries } from '../../src/html-report/rate-series.ts';

describe('the speeds over time', () => {
  test('are those of each moment', () => {
    const series = new RateSeries(8, 1_000);
    series.add({ fromMs: 0, toMs: 2_000, doneBytes: 4_000, sentBytes: 200 });
    series.add({ fromMs: 2_000, toMs: 3_000, doneBytes: 0, sentBytes: 0 });
    expect(series.samples()).toEqual([
      { startMs: 0, endMs: 1_000, doneRate: 2_000, sentRate: 100 },
      { startMs: 1_000, endMs: 2_000, doneRate: 2_000, sentRate: 100 },
      { startMs: 2_000, endMs: 3_000, doneRate: 0, sentRate: 0 },
    ]);
  });

  test('do not jump in a short rest at the end', () => {
    const series = new RateSeries(8, 1_000);
    series.add({ fromMs: 0, toMs: 2_001, doneBytes: 2_001, sentBytes: 0 });
    expect(series.samples().map(({ doneRate }) => Math.round(doneRate))).toEqual([1_000, 1_000]);
  });

  test('keep their number of samples and lose nothing, however long the run takes', () => {
    const spans = fc.array(
      fc.record({ durationMs: fc.nat(50_000), doneBytes: fc.nat(1e9), sentBytes: fc.nat(1e6) }),
      { maxLength: 50 },
    );
    const property = fc.property(spans, (all) => {
      const series = new RateSeries(16, 250);
      let fromMs = 0;
      for (const { durationMs, ...bytes } of all) {
        series.add({ fromMs, toMs: fromMs + durationMs, ...bytes });
        fromMs += durationMs;
      }
      if (fromMs === 0) return;
      const samples = series.samples();
      expect(samples.length).toBeLessThanOrEqual(16);
      expect(samples[samples.length - 1]!.endMs).toBe(fromMs);
      const sum = samples.reduce(
        (total, each) => total + each.doneRate * ((each.endMs - each.startMs) / 1000),
        0,
      );
      const expected = all.reduce((total, { doneBytes }) => total + doneBytes, 0);
      expect(sum / Math.max(expected, 1)).toBeCloseTo(expected === 0 ? 0 : 1, 5);
    });
    fc.assert(property);
  });
});
