import type { HashName } from './hash-names.ts';

/** One hash function, ready to use over and over. */
export interface Hasher {
  readonly digestBytes: number;
  /** Begins a digest of parts that follow each other. One at a time: XXH128 has a single state. */
  begin(): RunningDigest;
  /** Digest of one piece of memory: the fast way for small blocks. */
  digestOne(bytes: Uint8Array): Uint8Array;
}

/** A digest whose bytes come part by part. */
export interface RunningDigest {
  update(part: Uint8Array): void;
  digest(): Uint8Array;
}

/** Length of a digest, in bytes. */
export const digestBytesOf: Readonly<Record<HashName, number>> = {
  SHA1: 20,
  SHA224: 28,
  SHA256: 32,
  SHA384: 48,
  SHA512: 64,
  BLAKE2B: 64,
  BLAKE2S: 32,
  MD5: 16,
  XXH128: 16,
};

export async function loadHasher(name: HashName): Promise<Hasher> {
  return name === 'XXH128' ? xxh128Hasher() : openSslHasher(name);
}

const openSslNames: Readonly<Record<Exclude<HashName, 'XXH128'>, string>> = {
  SHA1: 'sha1',
  SHA224: 'sha224',
  SHA256: 'sha256',
  SHA384: 'sha384',
  SHA512: 'sha512',
  BLAKE2B: 'blake2b512',
  BLAKE2S: 'blake2s256',
  MD5: 'md5',
};

async function openSslHasher(name: Exclude<HashName, 'XXH128'>): Promise<Hasher> {
  // Loaded here, because a run on one machine hashes nothing.
  const crypto = await import('node:crypto');
  const algorithm = openSslNames[name];
  // crypto.hash() saves the hash object, which counts below 64 KiB; node has it from 20.12 on.
  const oneShot = crypto.hash as typeof crypto.hash | undefined;
  return {
    digestBytes: digestBytesOf[name],
    begin: () => crypto.createHash(algorithm),
    digestOne(bytes) {
      if (oneShot !== undefined) return oneShot(algorithm, bytes, 'buffer');
      return crypto.createHash(algorithm).update(bytes).digest();
    },
  };
}

async function xxh128Hasher(): Promise<Hasher> {
  const { loadXxh128 } = await import('./xxh128.ts');
  return { digestBytes: digestBytesOf.XXH128, ...(await loadXxh128()) };
}
