import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encode, loadDecoder } from '../../src/codec/codec.ts';
import { encodings, type Encoding } from '../../src/codec/encoding.ts';
import { isZero } from '../../src/zero.ts';
import { loadZstd } from '../../src/codec/zstd.ts';
import { BasynError } from '../../src/errors.ts';
import { failureOf } from '../support/failure.ts';
import { nodeLatest } from '../support/node-versions.ts';
import { makeRandom } from '../../rig/images/random.ts';
import { scratchDirectory } from '../support/scratch.ts';

const MiB = 1024 * 1024;
const compressions = ['zlib', 'zstd'] as const;
const levels = Array.from({ length: 9 }, (_, index) => index + 1);

const text = filled((bytes) => makeRandom(1).fillWithText(bytes));
const noise = filled((bytes) => makeRandom(2).fill(bytes));

describe('encoded bytes', () => {
  const settings = compressions.flatMap((encoding) => levels.map((level) => ({ encoding, level })));

  test.each(settings)(
    'are decoded from $encoding at level $level, and are shorter than the original',
    async (setting) => {
      const encoded = await encode(text, setting);
      expect(encoded.encoding).toBe(setting.encoding);
      expect(encoded.payload.byteLength).toBeLessThan(0.7 * text.length);
      expect(text.equals(await decode(encoded, text.length))).toBe(true);
    },
  );

  test.each(compressions)('are shorter at level 9 than at level 1 (%s)', async (encoding) => {
    const [fast, best] = await Promise.all([1, 9].map((level) => encode(text, { encoding, level })));
    expect(best!.payload.byteLength).toBeLessThan(fast!.payload.byteLength);
  });

  test('are decoded correctly for any input and any setting', async () => {
    const repeated = fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 9000 }))
      .map(([pattern, length]) => Buffer.alloc(length, pattern));
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }).map((array) => Buffer.from(array)),
      repeated,
    );
    const setting = fc.record({
      encoding: fc.constantFrom('none', ...compressions),
      level: fc.constantFrom(...levels),
    });
    await fc.assert(
      fc.asyncProperty(bytes, setting, async (plain, choice) => {
        fc.pre(!isZero(plain));
        const encoded = await encode(plain, choice);
        expect(encoded.payload.byteLength).toBeLessThanOrEqual(plain.length);
        expect(plain.equals(await decode(encoded, plain.length))).toBe(true);
      }),
    );
  });

  test.each(compressions)(
    'that do not compress are sent unencoded, without an extra byte (%s)',
    async (encoding) => {
      const encoded = await encode(noise, { encoding, level: 6 });
      expect(encoded.encoding).toBe('none');
      expect(encoded.payload).toBe(noise);
    },
  );

  test('are not changed without compression', async () => {
    const { encoding, payload } = await encode(text, { encoding: 'none', level: 9 });
    expect(encoding).toBe('none');
    expect(payload).toBe(text);
  });

  test.each(compressions)(
    'are decoded completely one after another, in any memory (%s)',
    async (encoding) => {
      const decoder = await loadDecoder(encoding);
      const [first, second] = await Promise.all(
        [text, text.subarray(1000, 5000)].map(async (plain) => encode(plain, { encoding, level: 1 })),
      );
      expect(text.equals(decoder(first!.payload, text.length))).toBe(true);
      expect(text.subarray(1000, 5000).equals(decoder(second!.payload, 4000))).toBe(true);
      expect(text.equals(decoder(first!.payload, text.length))).toBe(true);
    },
  );
});

test('bytes count as zeros only if every byte is zero', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (length, where, value) => {
        const bytes = Buffer.alloc(length + 3).subarray(3);
        expect(isZero(bytes)).toBe(true);
        bytes[where % length] = value;
        expect(isZero(bytes)).toBe(false);
      },
    ),
  );
  expect(isZero(Buffer.alloc(100, 7))).toBe(false);
  expect(isZero(new Uint8Array(0))).toBe(true);
});

describe('a payload that is not what its frame announces', () => {
  test.each<[string, Encoding, Uint8Array]>([
    ['inflates to one byte more', 'zlib', deflateSync(text.subarray(0, 1001))],
    ['inflates to one byte less', 'zlib', deflateSync(text.subarray(0, 999))],
    ['is cut off', 'zlib', deflateSync(text.subarray(0, 1000)).subarray(0, -5)],
    ['is empty', 'zlib', new Uint8Array(0)],
    ['is of another format', 'zlib', gzipSync(text.subarray(0, 1000))],
    ['is of another format', 'zstd', deflateSync(text.subarray(0, 1000))],
    ['is empty', 'zstd', new Uint8Array(0)],
    ['is one byte too long', 'none', text.subarray(0, 1001)],
    ['is one byte too short', 'none', text.subarray(0, 999)],
  ])('because it %s is refused (%s)', async (_, encoding, payload) => {
    expect(await failureOf(() => decode({ encoding, payload }, 1000))).toMatchObject({ code: 'protocol' });
  });

  test.each([1, -1])('by %i bytes is refused (zstd)', async (byBytes) => {
    const payload = (await loadZstd()).compress(text.subarray(0, 1000 + byBytes), 3);
    expect(await failureOf(() => decode({ encoding: 'zstd', payload }, 1000))).toMatchObject({
      code: 'protocol',
    });
  });

  test('is a protocol error, or yields bytes of the right length, for any content', async () => {
    const pristine = await Promise.all(
      compressions.map(async (encoding) => encode(text.subarray(0, 2000), { encoding, level: 3 })),
    );
    const corruption = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...pristine),
        fc.array(corruption, { minLength: 1, maxLength: 4 }),
        async ({ encoding, payload }, corruptions) => {
          const bytes = Buffer.from(payload);
          for (const { at, to } of corruptions) bytes[at % bytes.length] = to;
          await expectRefusedOr({ encoding, payload: bytes }, 2000);
        },
      ),
      { numRuns: 300 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...encodings),
        fc.uint8Array({ maxLength: 100 }),
        async (encoding, payload) => {
          await expectRefusedOr({ encoding, payload }, 2000);
        },
      ),
      { numRuns: 300 },
    );
  });

  test.each([
    { encoding: 'zlib' as const, bomb: () => zlibBomb(256 * MiB) },
    { encoding: 'zstd' as const, bomb: () => zstdBomb(256 * MiB) },
  ])(
    'because it inflates to 256 MiB is refused without allocating that memory ($encoding)',
    async ({ encoding, bomb }) => {
      const payload = bomb();
      expect(payload.byteLength).toBeLessThan(MiB);
      // The first call allocates what every call needs.
      await decode(await encode(text, { encoding, level: 1 }), text.length);
      forgetPeak();
      const beforeBytes = peakRssBytes();
      const error = await failureOf(() => decode({ encoding, payload }, MiB));
      expect(error).toMatchObject({ code: 'protocol' });
      expect(peakRssBytes() - beforeBytes).toBeLessThan(32 * MiB);
    },
  );

  test('the payload of 256 MiB is valid zstd', async () => {
    expect(isZero(await decode({ encoding: 'zstd', payload: zstdBomb(MiB) }, MiB))).toBe(true);
  });

  async function expectRefusedOr(
    encoded: { encoding: Encoding; payload: Uint8Array },
    lengthBytes: number,
  ): Promise<void> {
    try {
      expect(await decode(encoded, lengthBytes)).toHaveLength(lengthBytes);
    } catch (error) {
      expect(error).toBeInstanceOf(BasynError);
      expect(error).toMatchObject({ code: 'protocol' });
    }
  }
});

/** The newest node has a built-in zstd, this process (on node 20) uses the WASM build. */
describe.skipIf(nodeLatest === undefined)('our zstd and that of the newest node (needs test/nodes)', () => {
  const samples: Record<string, Buffer> = {
    text,
    noise,
    tiny: Buffer.from('x'),
    random: randomBytes(5),
    long: Buffer.concat([text, noise, text]),
  };

  test.each([1, 3, 9])('decode each other’s output at level %i', async (level) => {
    const zstd = await loadZstd();
    const [ours, theirs] = [scratchDirectory(), scratchDirectory()];
    mkdirSync(join(ours, 'packed'));
    for (const [name, bytes] of Object.entries(samples)) {
      writeFileSync(join(ours, name), bytes);
      writeFileSync(join(ours, 'packed', name), zstd.compress(bytes, level));
    }
    execFileSync(nodeLatest!, [
      '--no-warnings',
      '--input-type=module',
      '-e',
      newestProgram,
      ours,
      theirs,
      `${level}`,
    ]);
    for (const [name, bytes] of Object.entries(samples)) {
      expect(readFileSync(join(theirs, `unpacked-${name}`)).equals(bytes)).toBe(true);
      const packed = readFileSync(join(theirs, `packed-${name}`));
      expect(bytes.equals(zstd.decompress(packed, bytes.length))).toBe(true);
    }
  });

  /** Runs the source itself, in which the newest node finds its built-in zstd, and no `basyn:zstd`. */
  const newestProgram = `
    import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
    const { loadZstd } = await import(${JSON.stringify(new URL('../../src/codec/zstd.ts', import.meta.url).href)});
    const [from, to, level] = process.argv.slice(1);
    const zstd = await loadZstd();
    for (const name of readdirSync(from + '/packed')) {
      const bytes = readFileSync(from + '/' + name);
      const packed = readFileSync(from + '/packed/' + name);
      writeFileSync(to + '/unpacked-' + name, zstd.decompress(packed, bytes.length));
      writeFileSync(to + '/packed-' + name, zstd.compress(bytes, Number(level)));
    }`;
});

function filled(fill: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(200_001);
  fill(bytes);
  return bytes;
}

/** Created in another process, because it needs the memory that this process must not allocate. */
function zlibBomb(lengthBytes: number): Buffer {
  const program = `process.stdout.write(require('node:zlib').deflateSync(Buffer.alloc(${lengthBytes})))`;
  return execFileSync(process.execPath, ['-e', program]);
}

/** A zstd frame made by hand (RFC 8878): this number of zeros, in blocks that mean "128 KiB of the byte 0". */
function zstdBomb(lengthBytes: number): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0]);
  header.writeUInt32LE(lengthBytes, 5);
  const blockBytes = 128 * 1024;
  const blockCount = lengthBytes / blockBytes;
  const blocks = Array.from({ length: blockCount }, (_, index) => {
    const block = Buffer.alloc(4);
    const isLast = index === blockCount - 1 ? 1 : 0;
    block.writeUIntLE(isLast | (1 << 1) | (blockBytes << 3), 0, 3);
    return block;
  });
  return Buffer.concat([header, ...blocks]);
}

/** Resets the kernel's high-water mark. */
function forgetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5');
}

function peakRssBytes(): number {
  return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
}

async function decode(
  { encoding, payload }: { encoding: Encoding; payload: Uint8Array },
  lengthBytes: number,
): Promise<Uint8Array> {
  return (await loadDecoder(encoding))(payload, lengthBytes);
}
