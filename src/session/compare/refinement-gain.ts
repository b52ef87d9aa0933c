import { totalBytes, type Extent } from '../../digest/extent.ts';
import type { Trace } from '../../trace.ts';
import { MovingAverage } from '../moving-average.ts';

/** Weight of the latest observation, of some megabytes. Where everything differs, four observations are enough. */
const recentWeight = 0.3;
/** Where more than this share of a range differs, finer digests cost more than they save. */
const worthwhileShare = 0.7;
/** While refinement does not pay, one of this many groups is refined anyway: the next part of the disk may be different. */
const probeInterval = 16;

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
