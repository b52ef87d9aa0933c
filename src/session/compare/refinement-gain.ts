import { totalBytes, type Extent } from '../../digest/extent.ts';
import { tuning } from '../../limits.ts';
import type { Trace } from '../../trace.ts';
import { MovingAverage } from '../moving-average.ts';

const { recentWeight, worthwhileShare, probeInterval } = tuning.refinement;

/** Learns during a run whether it pays to refine ranges that differ. */
export class RefinementGain {
  readonly #differingShare = new MovingAverage(0, recentWeight);
  readonly #trace: Trace | undefined;
  #isRefining = true;
  #skipped = 0;

  constructor(trace?: Trace) {
    this.#trace = trace;
  }

  isWorthwhile(): boolean {
    if (this.#differingShare.value <= worthwhileShare) return true;
    this.#skipped = (this.#skipped + 1) % probeInterval;
    return this.#skipped === 0;
  }

  /** Refinement of `before` found that only `after` differs. */
  observe(before: readonly Extent[], after: readonly Extent[]): void {
    this.#differingShare.add(totalBytes(after) / totalBytes(before));
    const isRefining = this.#differingShare.value <= worthwhileShare;
    if (isRefining === this.#isRefining) return;
    this.#isRefining = isRefining;
    const percent = Math.round(this.#differingShare.value * 100);
    this.#trace?.(
      `decision: refinement ${isRefining ? 'on' : 'off'}, as ${percent} % of refined ranges differ`,
    );
  }
}
