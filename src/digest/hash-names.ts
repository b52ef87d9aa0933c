/** The hashes that `--hash` takes, in the spelling of the spec; any case is accepted. XXH128 is ours, for speed. */
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
