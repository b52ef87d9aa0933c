import type { CompressionSetting, Encoding } from '../../codec/encoding.ts';
import { isNear, type Throughput } from '../../link/throughput.ts';
import type { CompressionChoice } from '../../protocol/schemas.ts';
import { MovingAverage } from '../moving-average.ts';

/** What became of one data frame. */
export interface CompressionOutcome {
  readonly setting: CompressionSetting;
  /** What it was sent in: none where it wasn't worth compressing. */
  readonly encoding: Encoding;
  /** Device bytes. */
  readonly lengthBytes: number;
  /** Bytes on the wire. */
  readonly payloadBytes: number;
  /** Time that it took one thread. */
  readonly encodeMs: number;
}

/** Decides how the next data frame is compressed. */
export interface CompressionControl {
  /** @param parallelism the number of threads that compress at once. */
  next(link: Throughput, parallelism: number): CompressionSetting;
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
    // What was asked for is obeyed, whatever comes of it.
  }
}

/** Speed and size of each level, as multiples of level 1's: measured, and much the same on any machine. */
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

/**
 * Before anything was measured: level 1 of the slower kind on an ordinary core, and a disk of which a half is worth
 * compressing.
 */
const firstGuess = { bytesPerMs: 100_000, ratio: 0.5, worthwhileShare: 0.5 };
/** What is found not to be worth it has been sampled: four times 8 KiB of 1 MiB. */
const sampledShare = 1 / 32;
const recentWeight = 0.15;
/** The share is about the disk and not about the files that stand next to each other on it. */
const recentShareWeight = 0.05;
/**
 * A level that takes all the time of all threads has to gain so much, one that takes less, less: it takes it from ssh,
 * which carries what the threads make. Where ssh itself is what bounds the link, each second that it is robbed of is
 * missing.
 */
const processorWeight = { boundByNetwork: 0.3, boundBySsh: 1 };
/** On a short way, what is faster than gigabit Ethernet is as fast as ssh makes it. */
const gigabitBytesPerMs = 125_000;
/** While nothing is compressed, nothing is learnt: every so many frames one is tried. */
const probeInterval = 64;

/**
 * Keeps the slower of link and processors busy: of all levels, the one at which the device's bytes get through
 * fastest. At a level, they get through as fast as the threads compress or as the link takes what is left of
 * them, whichever is slower. What the threads and the link can do is measured all the time.
 */
export class AdaptiveCompression implements CompressionControl {
  readonly #encoding: 'zlib' | 'zstd';
  readonly #least: 'may be none' | 'at least level 1';
  /** Of level 1, one thread, over what is worth compressing at all. */
  readonly #bytesPerMs = new MovingAverage(firstGuess.bytesPerMs, recentWeight);
  /** Of level 1, over the same. */
  readonly #ratio = new MovingAverage(firstGuess.ratio, recentWeight);
  /** How much of what isn't zero is worth compressing; the rest is sampled, and goes as it is. */
  readonly #worthwhileShare = new MovingAverage(firstGuess.worthwhileShare, recentShareWeight);
  #frames = 0;

  constructor(encoding: 'zlib' | 'zstd', least: 'may be none' | 'at least level 1') {
    this.#encoding = encoding;
    this.#least = least;
  }

  next({ bytesPerMs: linkBytesPerMs, roundTripMs }: Throughput, parallelism: number): CompressionSetting {
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
    // Where the threads are slower than the link, no data could make compression pay.
    const mayPay = parallelism * this.#bytesPerMs.value > linkBytesPerMs;
    return mayPay && this.#frames % probeInterval === 0 ? { encoding, level: 1 } : best;
  }

  /** Before anything is known of the link: a short way is mostly a fast one, and a slow link is mostly a long way. */
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
