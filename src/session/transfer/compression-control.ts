import type { CompressionSetting, Encoding } from '../../codec/encoding.ts';
import { bounds, tuning } from '../../limits.ts';
import type { LinkSpeed } from '../../link/link-speed.ts';
import { isNear } from '../../link/round-trip.ts';
import type { CompressionChoice } from '../../protocol/schemas.ts';
import { MovingAverage } from '../moving-average.ts';

/** The result of encoding one data frame. */
export interface CompressionOutcome {
  readonly setting: CompressionSetting;
  /** The encoding that was used: `none` where compression did not pay. */
  readonly encoding: Encoding;
  /** Device bytes. */
  readonly lengthBytes: number;
  /** Encoded bytes. */
  readonly payloadBytes: number;
  /** Time that one thread needed. */
  readonly encodeMs: number;
}

/** Chooses the compression of the next data frame. */
export interface CompressionControl {
  /** @param parallelism the number of threads that compress at once. */
  next(link: LinkSpeed, parallelism: number): CompressionSetting;
  observe(outcome: CompressionOutcome): void;
}

export function compressionControlOf({ name, level }: CompressionChoice): CompressionControl {
  const encoding = name === 'auto' ? 'zstd' : name;
  if (encoding === 'none') return new FixedCompression({ encoding, level: 1 });
  if (level !== null) return new FixedCompression({ encoding, level });
  return new AdaptiveCompression(encoding, name === 'auto' ? 'may be none' : 'at least level 1');
}

class FixedCompression implements CompressionControl {
  readonly #setting: CompressionSetting;

  constructor(setting: CompressionSetting) {
    this.#setting = setting;
  }

  next(): CompressionSetting {
    return this.#setting;
  }

  observe(): void {
    // A requested setting is used whatever its results.
  }
}

/** Speed and size of each level, relative to level 1. Measured; the ratios are similar on all machines. */
const levels = {
  zstd: [
    { level: 1, speed: 1, size: 1 },
    { level: 3, speed: 0.74, size: 0.93 },
    { level: 6, speed: 0.31, size: 0.85 },
    { level: 9, speed: 0.15, size: 0.82 },
  ],
  zlib: [
    { level: 1, speed: 1, size: 1 },
    { level: 3, speed: 0.85, size: 0.97 },
    { level: 6, speed: 0.5, size: 0.92 },
    { level: 9, speed: 0.15, size: 0.91 },
  ],
} as const;

const { firstGuess, processorWeight, recentWeight, recentShareWeight, gigabitBytesPerMs, probeInterval } =
  tuning.compression;
/** Data that is not worth compressing still costs its samples. */
const sampledShare =
  (tuning.compression.sampleCount * tuning.compression.sampleBytes) / bounds.dataFrameBytes;

/**
 * Chooses the level with the highest throughput of device bytes. The throughput of a level is the lower of two: the speed
 * at which the threads compress, and the speed at which the link carries the compressed bytes. Both are measured
 * continuously.
 */
export class AdaptiveCompression implements CompressionControl {
  readonly #encoding: 'zlib' | 'zstd';
  readonly #least: 'may be none' | 'at least level 1';
  /** Speed of level 1 on one thread, for data that is worth compressing. */
  readonly #bytesPerMs = new MovingAverage(firstGuess.bytesPerMs, recentWeight);
  /** Ratio of level 1, for the same data. */
  readonly #ratio = new MovingAverage(firstGuess.ratio, recentWeight);
  /** Share of the non-zero data that is worth compressing. The rest is sampled and sent as it is. */
  readonly #worthwhileShare = new MovingAverage(firstGuess.worthwhileShare, recentShareWeight);
  #frames = 0;

  constructor(encoding: 'zlib' | 'zstd', least: 'may be none' | 'at least level 1') {
    this.#encoding = encoding;
    this.#least = least;
  }

  next({ bytesPerMs: linkBytesPerMs, roundTripMs }: LinkSpeed, parallelism: number): CompressionSetting {
    this.#frames++;
    const encoding = this.#encoding;
    if (linkBytesPerMs === undefined) return this.#firstSetting(roundTripMs);
    const share = this.#worthwhileShare.value;
    const isBoundBySsh = isNear(roundTripMs) && linkBytesPerMs > gigabitBytesPerMs;
    const weight = isBoundBySsh ? processorWeight.boundBySsh : processorWeight.boundByNetwork;
    let best: CompressionSetting = { encoding: 'none', level: 1 };
    let bestScore = this.#least === 'may be none' ? linkBytesPerMs : 0;
    for (const { level, speed, size } of levels[encoding]) {
      const threadsBytesPerMs = (parallelism * speed * this.#bytesPerMs.value) / (share + sampledShare);
      const bytesPerMs = Math.min(
        threadsBytesPerMs,
        linkBytesPerMs / (share * size * this.#ratio.value + 1 - share),
      );
      const score = bytesPerMs / (1 + (weight * bytesPerMs) / threadsBytesPerMs);
      if (score <= bestScore) continue;
      best = { encoding, level };
      bestScore = score;
    }
    if (best.encoding !== 'none') return best;
    // Where the threads are slower than the link, compression cannot pay, whatever the data.
    const mayPay = parallelism * this.#bytesPerMs.value > linkBytesPerMs;
    return mayPay && this.#frames % probeInterval === 0 ? { encoding, level: 1 } : best;
  }

  /** Used before the link has been measured: a link with a short round trip is usually fast, and a slow one has a long one. */
  #firstSetting(roundTripMs: number | undefined): CompressionSetting {
    return {
      encoding: isNear(roundTripMs) && this.#least === 'may be none' ? 'none' : this.#encoding,
      level: 1,
    };
  }

  observe({ setting, encoding, lengthBytes, payloadBytes, encodeMs }: CompressionOutcome): void {
    const known = levels[this.#encoding].find(({ level }) => level === setting.level);
    if (known === undefined || setting.encoding !== this.#encoding || encoding === 'zero') return;
    const worthwhile = encoding === setting.encoding ? 1 : 0;
    this.#worthwhileShare.add(worthwhile);
    if (encoding !== setting.encoding || encodeMs === 0) return;
    this.#bytesPerMs.add(lengthBytes / encodeMs / known.speed);
    this.#ratio.add(payloadBytes / lengthBytes / known.size);
  }
}
