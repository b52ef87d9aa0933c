import type { Peaks, Run } from './measure.ts';

/** The results of a contender's runs: medians, except for the peaks and the single times. */
export interface Summary extends Peaks {
  readonly wallMs: readonly number[];
  readonly medianMs: number;
  readonly localCpuMs: number;
  readonly remoteCpuMs: number;
  readonly wireBytes: number | undefined;
  /** The amount by which the target differed before each run. */
  readonly changedBytes: number;
}

export function summarize(runs: readonly Run[], peaks: Peaks, changedBytes: number): Summary {
  const wallMs = runs.map((run) => run.wallMs);
  const wireBytes = runs.map((run) => run.wireBytes).filter((bytes) => bytes !== undefined);
  return {
    localPeakBytes: peaks.localPeakBytes,
    remotePeakBytes: peaks.remotePeakBytes,
    wallMs,
    medianMs: median(wallMs),
    localCpuMs: median(runs.map((run) => run.localCpuMs)),
    remoteCpuMs: median(runs.map((run) => run.remoteCpuMs)),
    wireBytes: wireBytes.length === 0 ? undefined : median(wireBytes),
    changedBytes,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}
