import { tuning } from '../limits.ts';

/** Counts of bytes at a time. */
export interface SpeedSample {
  readonly elapsedMs: number;
  /** Bytes of the source that are done. */
  readonly doneBytes: number;
  /** Bytes that went over the wire, in both directions. */
  readonly wireBytes: number;
}

export interface Speeds {
  readonly readBytesPerSecond: number;
  readonly sentBytesPerSecond: number;
}

/** Both speeds over the last seconds. */
export class SpeedMeter {
  readonly #samples: SpeedSample[];

  constructor(start: SpeedSample) {
    this.#samples = [start];
  }

  /** Samples that come closer together than `sampleIntervalMs` are skipped. */
  add(sample: SpeedSample): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && sample.elapsedMs - last.elapsedMs < tuning.progress.sampleIntervalMs) return;
    this.#samples.push(sample);
    // The oldest one stays just outside the window, so that a pause in the samples counts in full.
    while ((this.#samples[1]?.elapsedMs ?? Infinity) <= sample.elapsedMs - tuning.progress.speedWindowMs)
      this.#samples.shift();
  }

  speeds(): Speeds {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || first === last) {
      return { readBytesPerSecond: 0, sentBytesPerSecond: 0 };
    }
    const seconds = (last.elapsedMs - first.elapsedMs) / 1000;
    return {
      readBytesPerSecond: (last.doneBytes - first.doneBytes) / seconds,
      sentBytesPerSecond: (last.wireBytes - first.wireBytes) / seconds,
    };
  }
}
