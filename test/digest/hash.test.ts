import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestBytesOf, loadHasher } from '../../src/digest/hash.ts';
import { hashNames, type HashName } from '../../src/digest/hash-names.ts';
import { makeRandom } from '../../rig/images/random.ts';

/** Of "abc", from the standards: FIPS 180-4, RFC 1321, RFC 7693; XXH128 from its author's own program. */
const ofAbc: Record<HashName, string> = {
  SHA1: 'a9993e364706816aba3e25717850c26c9cd0d89d',
  SHA224: '23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7',
  SHA256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  SHA384: 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
  SHA512:
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
    '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  BLAKE2B:
    'ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1' +
    '7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923',
  BLAKE2S: '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982',
  MD5: '900150983cd24fb0d6963f7d28e17f72',
  XXH128: '06b05ab6733a618578af5f94892f3950',
};

describe.each(hashNames)('%s', (name) => {
  test('matches the known digests of this function', async () => {
    const hasher = await loadHasher(name);
    expect(hex(hasher.digestOne(Buffer.from('abc')))).toBe(ofAbc[name]);
    const running = hasher.begin();
    running.update(Buffer.from('abc'));
    expect(hex(running.digest())).toBe(ofAbc[name]);
  });

  test('has digests of its length, which do not depend on how the input is divided', async () => {
    const hasher = await loadHasher(name);
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 500 }), { maxLength: 8 }), (parts) => {
        const running = hasher.begin();
        for (const part of parts) running.update(part);
        const digest = running.digest();
        expect(digest).toHaveLength(digestBytesOf[name]);
        expect(hex(digest)).toBe(hex(hasher.digestOne(Buffer.concat(parts))));
      }),
      { numRuns: 50 },
    );
  });

  test('returns digests that do not change when the next one is computed', async () => {
    const hasher = await loadHasher(name);
    const first = hasher.digestOne(Buffer.from('abc'));
    hasher.digestOne(Buffer.from('something else'));
    expect(hex(first)).toBe(ofAbc[name]);
  });
});

const openSslNames: Partial<Record<HashName, string>> = { BLAKE2B: 'blake2b512', BLAKE2S: 'blake2s256' };

test.each(hashNames.filter((name) => name !== 'XXH128'))('%s of 2 MiB matches openssl', async (name) => {
  const bytes = Buffer.alloc(2 * 1024 * 1024);
  makeRandom(7).fill(bytes);
  const digest = openSslNames[name] ?? name.toLowerCase();
  const said = execFileSync('openssl', ['dgst', `-${digest}`, '-r'], { input: bytes })
    .toString()
    .split(' ')[0];
  expect(hex((await loadHasher(name)).digestOne(bytes))).toBe(said);
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
