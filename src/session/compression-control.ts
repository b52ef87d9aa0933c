import type { CompressionSetting } from '../codec/codec.ts';
import type { CompressionChoice } from '../protocol/schemas.ts';

/** What became of one data frame that was compressed. */
export interface CompressionOutcome {
  readonly setting: CompressionSetting;
  /** Device bytes. */
  readonly lengthBytes: number;
  /** Bytes on the wire. */
  readonly payloadBytes: number;
  /** Time that it took one thread. */
  readonly encodeMs: number;
}

/** What is known of the way that the frames take. */
export interface Throughput {
  /** How fast the link takes bytes when it is busy; undefined until it was. */
  readonly linkBytesPerMs: number | undefined;
  /** Threads that compress at once. */
  readonly parallelism: number;
}

/** Decides how hard the next data frame is compressed. */
export interface CompressionControl {
  next(throughput: Throughput): CompressionSetting;
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

/** Before anything was measured: level 1 of the slower kind, on an ordinary core. */
const firstGuess = { bytesPerMs: 100_000, ratio: 0.5 };
const recentWeight = 0.15;
/** A level has to promise so much more than the one below it: it costs processor time for sure. */
const leastGain = 1.1;
/** And so much more than none: the threads take processor time from ssh itself, which carries what they make. */
const leastGainOverNone = 1.5;
/** A higher level may take this share of the threads' time, so that it never is what the link waits for. */
const shareForHigherLevels = 0.5;
/** While nothing is compressed, nothing is learnt: every so many frames one is tried. */
const probeInterval = 32;

/**
 * Keeps the slower of link and processors busy: of all levels, the one at which the device's bytes get through
 * fastest. At a level, they get through as fast as the threads compress or as the link takes what is left of
 * them, whichever is slower. What the threads and the link can do is measured all the time.
 */
export class AdaptiveCompression implements CompressionControl {
  readonly #encoding: 'zlib' | 'zstd';
  readonly #least: 'may be none' | 'at least level 1';
  /** Of level 1, one thread. */
  #bytesPerMs = firstGuess.bytesPerMs;
  /** Of level 1, over what is worth compressing at all. */
  #ratio = firstGuess.ratio;
  #frames = 0;

  constructor(encoding: 'zlib' | 'zstd', least: 'may be none' | 'at least level 1') {
    this.#encoding = encoding;
    this.#least = least;
  }

  next({ linkBytesPerMs, parallelism }: Throughput): CompressionSetting {
    this.#frames++;
    const encoding = this.#encoding;
    if (linkBytesPerMs === undefined) return { encoding, level: 1 };
    let best: CompressionSetting = { encoding: 'none', level: 1 };
    let boundBytesPerMs = this.#least === 'may be none' ? leastGainOverNone * linkBytesPerMs : 0;
    for (const { level, speed, size } of levels[encoding]) {
      const share = level === 1 ? 1 : shareForHigherLevels;
      const threadsBytesPerMs = share * parallelism * speed * this.#bytesPerMs;
      const bytesPerMs = Math.min(threadsBytesPerMs, linkBytesPerMs / (size * this.#ratio));
      if (bytesPerMs < boundBytesPerMs) continue;
      best = { encoding, level };
      boundBytesPerMs = leastGain * bytesPerMs;
    }
    const isProbe = best.encoding === 'none' && this.#frames % probeInterval === 0;
    return isProbe ? { encoding, level: 1 } : best;
  }

  observe({ setting, lengthBytes, payloadBytes, encodeMs }: CompressionOutcome): void {
    const known = levels[this.#encoding].find(({ level }) => level === setting.level);
    if (known === undefined || setting.encoding !== this.#encoding || encodeMs === 0) return;
    const bytesPerMs = lengthBytes / encodeMs / known.speed;
    const ratio = payloadBytes / lengthBytes / known.size;
    this.#bytesPerMs += recentWeight * (bytesPerMs - this.#bytesPerMs);
    this.#ratio += recentWeight * (ratio - this.#ratio);
  }
}
