import type { Extent } from '../digest/extent.ts';
import type { ExtentFact, ExtentKind, ExtentListener, ReportedPhase } from '../report.ts';
import type { FactListener } from './extent-facts.ts';
import { MovingExtents } from './moving-extents.ts';

/** Reports what phases find out about ranges to the caller of a run, in the order that `ExtentFact` describes. */
export class ExtentReporter {
  readonly #onExtent: ExtentListener | undefined;
  readonly #moving = new MovingExtents();
  /** What was found out before its phase has begun: a local source reads ahead. */
  #early: ExtentFact[] = [];
  #phase: ReportedPhase | undefined;
  #attempt = 1;

  /** @param onExtent Undefined where nobody asks. */
  constructor(onExtent: ExtentListener | undefined) {
    this.#onExtent = onExtent;
  }

  /**
   * Takes what this attempt finds out in a phase. What comes after the attempt has failed is left out.
   *
   * @returns undefined where nobody asks.
   */
  listenerFor(phase: ReportedPhase): FactListener | undefined {
    if (this.#onExtent === undefined) return undefined;
    const attempt = this.#attempt;
    return (kind, extents) => {
      if (attempt !== this.#attempt) return;
      if (kind === 'moving') {
        this.#moving.add(extents);
        return;
      }
      if (kind === 'differing') this.#moving.settled(extents);
      this.#report(phase, kind, extents);
    };
  }

  phaseBegins(phase: ReportedPhase): void {
    this.#phase = phase;
    this.#early.splice(0).forEach((fact) => this.#onExtent?.(fact));
  }

  phaseEnds(): void {
    this.#phase = undefined;
    this.#moving.take();
  }

  /** The attempt has failed. What it was sending may have been written. */
  interrupted(): void {
    this.#attempt++;
    this.#early = [];
    const moving = this.#moving.take();
    if (this.#phase !== undefined) this.#report(this.#phase, 'differing', moving);
  }

  #report(phase: ReportedPhase, kind: ExtentKind, extents: readonly Extent[]): void {
    for (const { offsetBytes, lengthBytes } of extents) {
      const fact = { phase, kind, offsetBytes, lengthBytes };
      if (this.#phase === phase) this.#onExtent?.(fact);
      else this.#early.push(fact);
    }
  }
}
