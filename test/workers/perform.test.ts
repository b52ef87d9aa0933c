import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encode, loadDecoder } from '../../src/codec/codec.ts';
import { cut, totalBytes, type Extent } from '../../src/digest/extent.ts';
import { perform } from '../../src/workers/perform.ts';
import { frameDigest, zeroFrameDigest } from '../support/frame-digest.ts';
import { failureOf } from '../support/failure.ts';
import { differingChunks } from '../support/naive.ts';
import { makeRandom } from '../../rig/images/random.ts';
import { fileHandle } from '../support/file-handle.ts';

const sizeBytes = 600_001;
const bytes = filled(1);
const wholeDevice = { offsetBytes: 0, lengthBytes: sizeBytes };

/** Ranges of the device, in order, without overlaps. */
const extents = fc
  .uniqueArray(fc.nat({ max: sizeBytes }), { minLength: 2, maxLength: 8 })
  .map((bounds) => bounds.sort((a, b) => a - b))
  .map((bounds) =>
    bounds.flatMap((offsetBytes, index) => {
      const end = bounds[index + 1];
      return index % 2 === 0 && end !== undefined ? [{ offsetBytes, lengthBytes: end - offsetBytes }] : [];
    }),
  );
const stepBytes = fc.oneof(fc.integer({ min: 1000, max: 5000 }), fc.integer({ min: 1000, max: 300_000 }));

test('a digest job hashes every step of its ranges', async () => {
  const device = fileHandle(bytes);
  await fc.assert(
    fc.asyncProperty(extents, stepBytes, async (ranges, step) => {
      const { digests } = await perform({
        kind: 'digest',
        device,
        hash: 'SHA1',
        extents: ranges,
        stepBytes: step,
      });
      const expected = ranges
        .flatMap((range) => [...cut(range, step)])
        .map((part) => createHash('sha1').update(partOf(bytes, part)).digest());
      expect(Buffer.concat(expected).equals(digests)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test('a write job stores the payload of a read job at the same offsets, and nothing elsewhere', async () => {
  const source = fileHandle(bytes);
  const before = filled(2);
  const setting = fc.record({
    encoding: fc.constantFrom('none', 'zlib', 'zstd'),
    level: fc.constantFrom(1, 3),
  });
  await fc.assert(
    fc.asyncProperty(extents, setting, async (ranges, choice) => {
      const target = fileHandle(before);
      const { encoding, digest, payload } = await perform({
        kind: 'read',
        device: source,
        extents: ranges,
        setting: choice,
        memory: Buffer.alloc(totalBytes(ranges)),
      });
      const job = {
        kind: 'write',
        device: target,
        extents: ranges,
        encoding,
        digest,
        payload,
        zeros: 'write',
      } as const;
      expect((await perform(job)).payload).toBe(payload);
      const expected = Buffer.from(before);
      for (const range of ranges) partOf(bytes, range).copy(expected, range.offsetBytes);
      expect(readFileSync(target.path).equals(expected)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test('a read job packs the ranges without gaps', async () => {
  const ranges = [
    { offsetBytes: 5, lengthBytes: 10 },
    { offsetBytes: 300_000, lengthBytes: 200_000 },
  ];
  const setting = { encoding: 'zlib', level: 6 } as const;
  const { encoding, payload } = await perform({
    kind: 'read',
    device: fileHandle(bytes),
    extents: ranges,
    setting,
    memory: Buffer.alloc(200_010),
  });
  const expected = Buffer.concat(ranges.map((range) => partOf(bytes, range)));
  const decode = await loadDecoder(encoding);
  expect(expected.equals(decode(payload, 200_010))).toBe(true);
});

test.each(['zstd', 'zlib', 'none'] as const)(
  'a read job of zeros has no payload, with any compression (%s)',
  async (encoding) => {
    const device = fileHandle(Buffer.alloc(sizeBytes));
    const memory = Buffer.alloc(sizeBytes, 1);
    const setting = { encoding, level: 6 };
    const result = await perform({ kind: 'read', device, extents: [wholeDevice], setting, memory });
    expect(result).toMatchObject({ encoding: 'zero', payload: new Uint8Array(0) });
    expect(result.digest).toEqual(zeroFrameDigest([wholeDevice]));
  },
);

test('a read job digests zeros before and after other bytes', async () => {
  const content = Buffer.concat([Buffer.alloc(300_000), bytes.subarray(0, 1), Buffer.alloc(300_000)]);
  const extents = [{ offsetBytes: 0, lengthBytes: content.length }];
  const setting = { encoding: 'none', level: 0 } as const;
  const memory = Buffer.alloc(content.length);
  const { digest } = await perform({ kind: 'read', device: fileHandle(content), extents, setting, memory });
  expect(digest).toEqual(frameDigest(extents, content));
});

// Decoding reuses its memory: if one job waited between decoding and writing, another's bytes would be written.
test.each(['zlib', 'zstd'] as const)(
  'concurrent write jobs each write their own bytes (%s)',
  async (encoding) => {
    const target = fileHandle(Buffer.alloc(sizeBytes));
    const frames = await Promise.all(
      Array.from(cut(wholeDevice, 50_000), async (extent) => {
        // Each has its own value, which always compresses.
        const plain = Buffer.alloc(extent.lengthBytes, 1 + extent.offsetBytes / 50_000);
        return { extent, plain, ...(await encode(plain, { encoding, level: 1 })) };
      }),
    );
    await Promise.all(
      frames.map((frame) =>
        perform({
          kind: 'write',
          device: target,
          extents: [frame.extent],
          encoding: frame.encoding,
          digest: frameDigest([frame.extent], frame.plain),
          payload: frame.payload,
          zeros: 'write',
        }),
      ),
    );
    expect(readFileSync(target.path).equals(Buffer.concat(frames.map(({ plain }) => plain)))).toBe(true);
  },
);

describe('a compare job', () => {
  test.each(['report', 'write'] as const)('finds exactly the steps that differ (%s)', async (difference) => {
    const source = fileHandle(bytes);
    const changes = fc.array(fc.nat({ max: sizeBytes - 1 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(changes, stepBytes, async (places, step) => {
        const before = Buffer.from(bytes);
        for (const place of places) before[place]! ^= 255;
        const target = fileHandle(before);
        const job = {
          kind: 'compare',
          source,
          target,
          extents: [wholeDevice],
          stepBytes: step,
          repair: difference === 'write' ? target : undefined,
          zeros: 'write',
        } as const;
        const { differing } = await perform(job);
        expect(differing).toEqual(differingChunks(bytes, before, sizeBytes, step));
        expect(readFileSync(target.path).equals(difference === 'write' ? bytes : before)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});

describe('zeros', () => {
  const holed = Buffer.concat([Buffer.alloc(400_000), bytes.subarray(400_000)]);

  test.each(['write', 'skip'] as const)(
    'are written or left as holes, as the job specifies (%s)',
    async (zeros) => {
      const target = fileHandle(Buffer.alloc(0), sizeBytes);
      await perform({ kind: 'copy', source: fileHandle(holed), target, extents: [wholeDevice], zeros });
      expect(readFileSync(target.path).equals(holed)).toBe(true);
      const allocatedBytes = statSync(target.path).blocks * 512;
      if (zeros === 'skip') expect(allocatedBytes).toBeLessThan(400_000);
      else expect(allocatedBytes).toBeGreaterThanOrEqual(sizeBytes);
    },
  );

  test('of a frame without payload replace the previous bytes', async () => {
    const target = fileHandle(bytes);
    const payload = new Uint8Array(0);
    await perform({
      kind: 'write',
      device: target,
      extents: [wholeDevice],
      encoding: 'zero',
      digest: zeroFrameDigest([wholeDevice]),
      payload,
      zeros: 'write',
    });
    expect(readFileSync(target.path).equals(Buffer.alloc(sizeBytes))).toBe(true);
  });
});

test('a device that has become shorter is an error that names the offset', async () => {
  const device = fileHandle(bytes.subarray(0, 200_000), sizeBytes);
  const job = { kind: 'digest', device, hash: 'MD5', extents: [wholeDevice], stepBytes: 4096 } as const;
  expect(await failureOf(() => perform(job))).toMatchObject({ code: 'device', offsetBytes: 200_000 });
});

function filled(seed: number): Buffer {
  const buffer = Buffer.alloc(sizeBytes);
  const random = makeRandom(seed);
  random.fill(buffer.subarray(0, 300_000));
  random.fillWithText(buffer.subarray(300_000));
  return buffer;
}

function partOf(buffer: Buffer, { offsetBytes, lengthBytes }: Extent): Buffer {
  return buffer.subarray(offsetBytes, offsetBytes + lengthBytes);
}
