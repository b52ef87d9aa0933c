import type { Side } from '../errors.ts';
import { tuning } from '../limits.ts';
import type { Bottleneck, RunTimes } from '../report.ts';

const { leastRunMs, leastShare, mostOthersShare } = tuning.bottleneck;

/**
 * What limited a run: the stage that was busy for most of it, if all others were busy for much less. In a pipeline, such a stage
 * never waits, and the others wait for it.
 *
 * @param busierSide whose processors were busy for longer.
 * @returns undefined where nothing dominates, or where that is not known.
 */
export function bottleneckOf(times: RunTimes, elapsedMs: number, busierSide: Side): Bottleneck | undefined {
  const { connectingMs, waitingMs } = times;
  if (waitingMs === undefined || elapsedMs < leastRunMs) return undefined;
  const stages = [
    ['start', connectingMs],
    ['local disk', waitingMs.localDisk],
    ['remote disk', waitingMs.remoteDisk],
    ['link', waitingMs.link],
    ['processor', waitingMs.processor],
  ] as const;
  const [first, second] = [...stages].sort(([, a], [, b]) => b - a);
  const [limitedBy, limitedMs] = first!;
  if (limitedMs < leastShare * elapsedMs || second![1] > mostOthersShare * limitedMs) return undefined;
  return {
    limitedBy,
    ...(limitedBy === 'processor' && { side: busierSide }),
    limitedMs: Math.round(limitedMs),
    ofMs: Math.round(elapsedMs),
  };
}
