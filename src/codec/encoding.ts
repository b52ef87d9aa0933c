/** How the payload of a data frame encodes device bytes. `zero`: no payload, all bytes are zero. */
export const encodings = ['zero', 'none', 'zlib', 'zstd'] as const;
export type Encoding = (typeof encodings)[number];

/** How the source encodes the bytes of a frame. */
export interface CompressionSetting {
  readonly encoding: Exclude<Encoding, 'zero'>;
  /** 1 (fastest) to 9 (smallest). Not used for `none`. */
  readonly level: number;
}

export interface Encoded {
  readonly encoding: Encoding;
  readonly payload: Uint8Array;
}
