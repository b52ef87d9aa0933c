import { expect, test } from 'vitest';
import type { ExtentFact } from '../../src/report.ts';
import { makeReporter } from '../support/memory-session.ts';

const extent = (offsetBytes: number, lengthBytes = 10): { offsetBytes: number; lengthBytes: number } => ({
  offsetBytes,
  lengthBytes,
});

test('what an attempt was sending when it failed is reported: the next one may find it equal', () => {
  const facts: ExtentFact[] = [];
  const reporter = makeReporter({ onExtent: (fact) => facts.push(fact) });
  const device = { side: 'local', path: '/a', kind: 'regular file', sizeBytes: 100_000 } as const;
  reporter.start(device, device, { source: 'direct', survey: 'direct', sent: 'direct', target: 'direct' });
  reporter.phaseStart('sync', 100_000);
  const listener = reporter.extents.listenerFor('sync')!;
  // As many as are never kept: what is settled is dropped.
  for (let at = 0; at < 50_000; at += 10) {
    listener('moving', [extent(at)]);
    listener('differing', [extent(at)]);
  }
  const settledCount = facts.length;
  listener('moving', [extent(70_000), extent(70_020)]);
  listener('moving', [extent(60_000)]);
  const interruption = { reason: 'cut', elapsedMs: 1, waitMs: 0, lostBytes: 0 };
  reporter.interrupted(2, interruption, 0);
  listener('differing', [extent(80_000)]);
  expect(facts.slice(settledCount)).toEqual(
    [60_000, 70_000, 70_020].map((at) => ({ phase: 'sync', kind: 'differing', ...extent(at) })),
  );
});
