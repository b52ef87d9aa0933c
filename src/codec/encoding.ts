/** How the payload of a data frame stands for device bytes. `zero`: no payload, all bytes are zero. */
export const encodings = ['zero', 'none', 'zlib', 'zstd'] as const;
export type Encoding = (typeof encodings)[number];

/** What the source is told to do with a frame's bytes. */
export interface CompressionSetting {
  readonly encoding: Exclude<Encoding, 'zero'>;
  /** 1 (fastest) to 9 (smallest). Without meaning for `none`. */
  readonly level: number;
}

export interface Encoded {
  readonly encoding: Encoding;
  readonly payload: Uint8Array;
}
