import { readFileSync, statSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ZeroReleaser } from '../../src/device/zero-releaser.ts';
import { TargetWriter } from '../../src/device/zeros.ts';
import { fileHandle } from '../support/file-handle.ts';
import { usePrograms } from '../support/programs.ts';

const KiB = 1024;
const lengthBytes = 256 * KiB;
const ranges = [
  { offsetBytes: 0, lengthBytes: 64 * KiB },
  { offsetBytes: 128 * KiB, lengthBytes: 64 * KiB },
];

function makeReleaser() {
  const target = fileHandle(Buffer.alloc(lengthBytes, 'old'));
  const written: unknown[] = [];
  const write = async (unreleased: readonly unknown[]): Promise<void> => {
    written.push(...unreleased);
  };
  const releaser = new ZeroReleaser(target, { write, verify: undefined });
  onTestFinished(() => releaser.close());
  return { target, releaser, written };
}

test('ranges that are released read as zeros, use no space, and leave what is next to them', async () => {
  const { target, releaser, written } = makeReleaser();
  expect(await releaser.release(ranges)).toEqual({ releasedBytes: 128 * KiB, writtenBytes: 0 });
  expect(written).toEqual([]);
  expect(releaser.note).toBeUndefined();
  const wanted = Buffer.alloc(lengthBytes, 'old');
  for (const { offsetBytes, lengthBytes } of ranges) wanted.fill(0, offsetBytes, offsetBytes + lengthBytes);
  expect(readFileSync(target.path).equals(wanted)).toBe(true);
  expect(statSync(target.path).blocks * 512).toBe(128 * KiB);
});

describe('ranges are written if', () => {
  test.each([
    { title: 'the program exits at once', script: 'exit 0' },
    { title: 'the program is killed', script: 'kill -9 $$' },
    { title: 'the kernel does not support it', script: 'while read line; do echo 95; done' },
    { title: 'the answer is not a number', script: 'while read line; do echo; done' },
    { title: 'the program is killed before it answers', script: 'read line; kill -9 $$' },
    { title: 'there is no program', script: undefined },
  ])('$title', async ({ script }) => {
    usePrograms(script === undefined ? {} : { perl: script });
    const { releaser, written } = makeReleaser();
    expect(await releaser.release(ranges)).toEqual({ releasedBytes: 0, writtenBytes: 128 * KiB });
    expect(written).toEqual(ranges);
    expect(releaser.note).toContain('cannot release');
    // Also later ones.
    expect(await releaser.release([ranges[0]!])).toEqual({ releasedBytes: 0, writtenBytes: 64 * KiB });
  });

  test('only one of them is confirmed: the other one is written', async () => {
    usePrograms({ perl: 'read line; echo 0; read line; kill -9 $$' });
    const { releaser, written } = makeReleaser();
    expect(await releaser.release(ranges)).toEqual({ releasedBytes: 64 * KiB, writtenBytes: 64 * KiB });
    expect(written).toEqual([ranges[1]]);
  });
});

describe('a job with the policy', () => {
  const bytes = Buffer.alloc(100 * KiB, 'new');
  // Two whole units of zeros, and parts of the units next to them.
  bytes.fill(0, 10 * KiB, 60 * KiB);

  test.each([
    { zeros: 'write', writtenBytes: 100 * KiB, skippedBytes: 0, unreleased: [] },
    { zeros: 'skip', writtenBytes: 68 * KiB, skippedBytes: 32 * KiB, unreleased: [] },
    {
      zeros: 'punch',
      writtenBytes: 68 * KiB,
      skippedBytes: 0,
      unreleased: [{ offsetBytes: 48 * KiB, lengthBytes: 32 * KiB }],
    },
  ] as const)('$zeros writes what it has to', ({ zeros, ...outcome }) => {
    const target = fileHandle(Buffer.alloc(0), lengthBytes);
    const writer = new TargetWriter(target, zeros);
    // So the zeros are at 42 to 92 KiB of the target.
    writer.bytes(32 * KiB, bytes);
    expect(writer.outcome()).toEqual(outcome);
    const content = readFileSync(target.path);
    expect(content.subarray(32 * KiB).equals(bytes)).toBe(true);
  });

  test('punch leaves holes alone, and writes what is shorter than a block', () => {
    const target = { ...fileHandle(Buffer.alloc(lengthBytes, 'old')), holes: Float64Array.of(0, 64 * KiB) };
    const writer = new TargetWriter(target, 'punch');
    writer.zeros(1000, 100_000);
    expect(writer.outcome()).toEqual({
      writtenBytes: 101_000 - 24 * 4096,
      skippedBytes: 64 * KiB - 1000,
      unreleased: [{ offsetBytes: 64 * KiB, lengthBytes: 24 * 4096 - 64 * KiB }],
    });
  });
});
