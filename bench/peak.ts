import { atMost, type Check, type Verdict } from './check.ts';
import type { Contender } from './contender.ts';
import type { RowResult } from './row.ts';
import type { Summary } from './summary.ts';

const PEAK_BYTES_MAX = 256 * 1024 * 1024;
/** The figures are multiples of the bound itself. */
const against = '256 MiB';
const bound = atMost(1);

/** The larger of the two sides' largest processes. */
export function memoryBound(title: string, ours: Contender): Check {
  return { title, against, needs: [ours], figure: (own) => peakBytes(own) / PEAK_BYTES_MAX, bound };
}

/** The same for the worst of all runs of Basyn. */
export function judgeWorstPeak(results: readonly RowResult[]): Verdict {
  const ours = results.flatMap(({ entries }) => entries.filter(({ tool }) => tool === 'basyn'));
  const figure = Math.max(0, ...ours.map(({ summary }) => peakBytes(summary))) / PEAK_BYTES_MAX;
  return { title: 'peak memory, all rows', against, bound, figure, passed: figure <= bound.value };
}

function peakBytes({ localPeakBytes, remotePeakBytes = 0 }: Summary): number {
  return Math.max(localPeakBytes, remotePeakBytes);
}
