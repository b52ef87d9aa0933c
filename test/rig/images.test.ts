import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { changeBlocks, filesEqual, sha256OfFile, writeImage } from '../../rig/images/images.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';

const MIB = 1024 * 1024;
const directory = makeTemporaryDirectory('images');
afterAll(() => directory.remove());

test('the same seed gives the same image, and another seed gives another image', () => {
  const [first, second, third] = ['first', 'second', 'third'].map((name) => join(directory.path, name));
  writeImage(first!, 5 * MIB + 3, { seed: 1 });
  writeImage(second!, 5 * MIB + 3, { seed: 1 });
  writeImage(third!, 5 * MIB + 3, { seed: 2 });
  expect(filesEqual(first!, second!, 5 * MIB + 3)).toBe(true);
  expect(sha256OfFile(first!)).toBe(sha256OfFile(second!));
  expect(filesEqual(first!, third!, 5 * MIB + 3)).toBe(false);
  expect(filesEqual(first!, second!, 5 * MIB + 4)).toBe(false);
});

test('an image is half incompressible and one third text, and the rest is holes', () => {
  const path = join(directory.path, 'mixed');
  writeImage(path, 12 * MIB, { seed: 3 });
  const { size, blocks } = statSync(path);
  expect(size).toBe(12 * MIB);
  expect((blocks * 512) / size).toBeCloseTo(5 / 6, 1);
  const zeroBytes = readFileSync(path).reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0);
  expect(zeroBytes / size).toBeCloseTo(1 / 6, 1);
  const compressedBytes = deflateSync(readFileSync(path), { level: 6 }).length;
  expect(compressedBytes / size).toBeGreaterThan(0.55);
  expect(compressedBytes / size).toBeLessThan(0.7);
});

test('generated text compresses like real text', () => {
  const path = join(directory.path, 'text');
  writeImage(path, 2 * MIB, { seed: 4, mix: { incompressible: 0, text: 1 } });
  const ratio = deflateSync(readFileSync(path), { level: 6 }).length / (2 * MIB);
  expect(ratio).toBeGreaterThan(0.2);
  expect(ratio).toBeLessThan(0.5);
});

test.each([
  { fraction: 0.01, blockBytes: 4096, sizeBytes: 4 * MIB + 1 },
  { fraction: 0.5, blockBytes: 512, sizeBytes: MIB - 7 },
  { fraction: 1, blockBytes: 4096, sizeBytes: 40_961 },
  { fraction: 0, blockBytes: 4096, sizeBytes: 40_961 },
])('changes $fraction of $sizeBytes bytes in blocks of $blockBytes, and reports where', (change) => {
  const { fraction, blockBytes, sizeBytes } = change;
  const path = join(directory.path, 'changed');
  writeImage(path, sizeBytes, { seed: 5 });
  const before = readFileSync(path);
  const extents = changeBlocks(path, { fraction, blockBytes, seed: 6 });
  const after = readFileSync(path);

  const isInside = (offset: number): boolean =>
    extents.some((extent) => offset >= extent.offset && offset < extent.offset + extent.length);
  let changedBlocks = 0;
  for (let offset = 0; offset < sizeBytes; offset += blockBytes) {
    const same = before
      .subarray(offset, offset + blockBytes)
      .equals(after.subarray(offset, offset + blockBytes));
    expect(same).toBe(!isInside(offset));
    if (!same) changedBlocks += 1;
  }
  expect(after.length).toBe(sizeBytes);
  expect(changedBlocks).toBe(Math.round(Math.ceil(sizeBytes / blockBytes) * fraction));
});
