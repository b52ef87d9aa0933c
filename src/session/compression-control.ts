import type { CompressionSetting, Encoding } from '../codec/codec.ts';
import type { CompressionChoice } from '../protocol/schemas.ts';

/** What became of one data frame. */
export interface FrameOutcome {
  readonly setting: CompressionSetting;
  readonly encoding: Encoding;
  /** Device bytes. */
  readonly lengthBytes: number;
  /** Bytes on the wire. */
  readonly payloadBytes: number;
  readonly encodeMs: number;
  /** How long the channel had no room for a further frame. */
  readonly waitMs: number;
}

/** Decides how hard the next data frame is compressed. */
export interface CompressionControl {
  next(): CompressionSetting;
  observe(outcome: FrameOutcome): void;
}

export function compressionControlOf({ name, level }: CompressionChoice): CompressionControl {
  const encoding = name === 'auto' ? 'zstd' : name;
  return fixed({ encoding, level: level ?? 3 });
}

function fixed(setting: CompressionSetting): CompressionControl {
  return { next: () => setting, observe: () => undefined };
}
