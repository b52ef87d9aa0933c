/** The hashes that `--hash` accepts, in the spelling of the spec and in any case. XXH128 is an addition, for speed. */
export const hashNames = [
  'SHA1',
  'SHA224',
  'SHA256',
  'SHA384',
  'SHA512',
  'BLAKE2B',
  'BLAKE2S',
  'MD5',
  'XXH128',
] as const;

export type HashName = (typeof hashNames)[number];
