/** Speeds over a stretch of time. */
export interface RateSample {
  readonly startMs: number;
  readonly endMs: number;
  /** Bytes per second that the phase has gone through, and that went over the link. */
  readonly doneRate: number;
  readonly sentRate: number;
}

/** The speeds of a run over time, in a fixed number of samples, however long it takes. */
export class RateSeries {
  readonly #doneBytes: Float64Array;
  readonly #sentBytes: Float64Array;
  #sampleMs: number;
  #endMs = 0;

  /** @param firstSampleMs the length of a sample until there are too many. It doubles whenever there are. */
  constructor(samples: number, firstSampleMs: number) {
    this.#doneBytes = new Float64Array(samples);
    this.#sentBytes = new Float64Array(samples);
    this.#sampleMs = firstSampleMs;
  }

  /** Adds what was done and sent between two moments, evenly over the time between. */
  add(span: {
    readonly fromMs: number;
    readonly toMs: number;
    readonly doneBytes: number;
    readonly sentBytes: number;
  }): void {
    const { fromMs, doneBytes, sentBytes } = span;
    const toMs = Math.max(span.toMs, fromMs);
    while (toMs >= this.#sampleMs * this.#doneBytes.length) this.#merge();
    this.#endMs = Math.max(this.#endMs, toMs);
    const first = Math.floor(fromMs / this.#sampleMs);
    const last = Math.floor(toMs / this.#sampleMs);
    for (let index = first; index <= last; index++) {
      const startMs = Math.max(index * this.#sampleMs, fromMs);
      const endMs = Math.min((index + 1) * this.#sampleMs, toMs);
      const share = toMs === fromMs ? 1 : (endMs - startMs) / (toMs - fromMs);
      this.#doneBytes[index]! += doneBytes * share;
      this.#sentBytes[index]! += sentBytes * share;
    }
  }

  /** The samples up to the last moment that was added. */
  samples(): RateSample[] {
    const wholeCount = Math.max(Math.round(this.#endMs / this.#sampleMs), 1);
    return Array.from({ length: this.#endMs === 0 ? 0 : wholeCount }, (_, index) => {
      const isLast = index === wholeCount - 1;
      const startMs = index * this.#sampleMs;
      const endMs = isLast ? this.#endMs : startMs + this.#sampleMs;
      const rateOf = (bytes: Float64Array): number =>
        // A short rest of the time is a part of the last sample: its speed alone would say little.
        bytes.subarray(index, isLast ? undefined : index + 1).reduce((sum, each) => sum + each, 0) /
        (Math.max(endMs - startMs, 1) / 1000);
      return { startMs, endMs, doneRate: rateOf(this.#doneBytes), sentRate: rateOf(this.#sentBytes) };
    });
  }

  /** Two neighbours become one, and the second half is free. */
  #merge(): void {
    for (const bytes of [this.#doneBytes, this.#sentBytes]) {
      const half = Math.ceil(bytes.length / 2);
      for (let index = 0; index < half; index++) {
        bytes[index] = bytes[2 * index]! + (bytes[2 * index + 1] ?? 0);
      }
      bytes.fill(0, half);
    }
    this.#sampleMs *= 2;
  }
}
