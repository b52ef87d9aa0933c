import { totalBytes, type Extent } from '../../digest/extent.ts';
import type { Trace } from '../../trace.ts';
import { MovingAverage } from '../moving-average.ts';

/** Weight of what was seen last, about some megabytes: where everything differs, four looks are enough. */
const recentWeight = 0.3;
/** Where more than this share of a range turns out to differ anyway, finer digests cost more than they save. */
const worthwhileShare = 0.7;
/** While it isn't worth it, every so many groups of buffers one is looked at all the same: the next stretch may be other. */
const probeInterval = 16;

/** Learns, while a run goes on, whether it pays to look closer at ranges that differ. */
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

  /** Of the bytes in `before`, a closer look found that only those in `after` differ. */
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
