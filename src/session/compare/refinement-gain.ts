import { totalBytes, type Extent } from '../../digest/extent.ts';

/** Weight of the latest observation, of some megabytes. Where everything differs, four observations are enough. */
const recentWeight = 0.3;
/** Where more than this share of a range differs, finer digests cost more than they save. */
const worthwhileShare = 0.7;
/** While refinement does not pay, one of this many groups is refined anyway: the next part of the disk may be different. */
const probeInterval = 16;

/** Learns during a run whether it pays to refine ranges that differ. */
export class RefinementGain {
  #differingShare = 0;
  #skipped = 0;

  isWorthwhile(): boolean {
    if (this.#differingShare <= worthwhileShare) return true;
    this.#skipped = (this.#skipped + 1) % probeInterval;
    return this.#skipped === 0;
  }

  /** Refinement of `before` found that only `after` differs. */
  observe(before: readonly Extent[], after: readonly Extent[]): void {
    const share = totalBytes(after) / totalBytes(before);
    this.#differingShare += recentWeight * (share - this.#differingShare);
  }
}
