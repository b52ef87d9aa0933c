import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findHoles, parseDataRanges } from '../../src/device/hole-query.ts';
import { commonHoles, holeBytesIn, holesBetween, isInHole, stretchesOf } from '../../src/device/holes.ts';
import type { DeviceHandle } from '../../src/device/handle.ts';
import { PieceReader } from '../../src/device/piece-reader.ts';
import { openDiskView } from '../../src/device/direct.ts';
import { readFully } from '../../src/device/range-io.ts';
import { allocateFile, directoryOn, makeSparseFile, sparseFileSystems } from '../support/file-systems.ts';
import { fileHandle } from '../support/file-handle.ts';
import { isRoot, mountOverlay } from '../support/loop-device.ts';
import { usePrograms } from '../support/programs.ts';
import { scratchDirectory } from '../support/scratch.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Whether each byte of a small file is in a hole of a map with units of one byte. */
const bits = fc.array(fc.boolean(), { minLength: 1, maxLength: 60 });

describe('a map of holes', () => {
  test('answers as a list of every byte does', () => {
    fc.assert(
      fc.property(bits, bits, fc.nat(60), fc.nat(60), (isData, isOtherData, from, length) => {
        const [map, other] = [mapOf(isData), mapOf(isOtherData)];
        const [offset, end] = [Math.min(from, isData.length), Math.min(from + length, isData.length)];
        const bytes = stretchesOf(map, offset, end - offset).flatMap((stretch) =>
          Array.from({ length: stretch.lengthBytes }, (_, index) => [
            stretch.offsetBytes + index,
            stretch.isHole,
          ]),
        );
        expect(bytes).toEqual(isData.slice(offset, end).map((has, index) => [offset + index, !has]));
        if (offset < end) {
          expect(isInHole(map, offset, end - offset)).toBe(isData.slice(offset, end).every((has) => !has));
        }
        const ranges = [
          { offsetBytes: 0, lengthBytes: Math.floor(offset / 2) },
          { offsetBytes: offset, lengthBytes: end - offset },
        ];
        const inRanges = [...isData.slice(0, Math.floor(offset / 2)), ...isData.slice(offset, end)];
        expect(holeBytesIn(map, ranges)).toBe(inRanges.filter((has) => !has).length);
        const common = Math.min(isData.length, isOtherData.length);
        const both = isData.slice(0, common).map((has, index) => !has && !isOtherData[index]);
        const found = stretchesOf(commonHoles(map, other), 0, common).flatMap(({ lengthBytes, isHole }) =>
          Array.from({ length: lengthBytes }, () => isHole),
        );
        expect(found).toEqual(both);
      }),
    );
  });

  test('begins and ends holes at multiples of its unit, and leaves shorter ones out', () => {
    const map = holesBetween(Float64Array.of(100, 150, 255, 256, 480, 490), 555, 100);
    expect([...map]).toEqual([0, 100, 300, 400]);
    expect([...holesBetween(Float64Array.of(100, 150), 555, 100)]).toEqual([0, 100, 200, 555]);
  });
});

describe.each(sparseFileSystems)('a sparse file on $kind', ({ kind, isUsable }) => {
  test.skipIf(!isUsable)(
    `has its holes found, although no data is on the disk yet${isUsable ? '' : ' (needs root)'}`,
    async () => {
      const data = [
        { at: 0, lengthBytes: 10 },
        { at: 3 * MiB - 1, lengthBytes: 2 },
        { at: 20 * MiB, lengthBytes: 4 * MiB + 5 },
      ];
      const handle = handleOf(makeSparseFile(join(directoryOn(kind), 'file'), 40 * MiB + 7, data));
      const { holes, note } = await findHoles(handle, () => undefined);
      expect(note).toBeUndefined();
      for (const { at, lengthBytes } of data) {
        expect(stretchesOf(holes, at, lengthBytes).some(({ isHole }) => isHole)).toBe(false);
      }
      for (const [start, end] of [
        [MiB, 2 * MiB],
        [4 * MiB, 20 * MiB],
        [25 * MiB, 40 * MiB + 7],
      ] as const) {
        expect(isInHole(holes, start, end - start)).toBe(true);
      }
      await expectSameReads(handle, holes!);
    },
  );

  test.skipIf(!isUsable)(
    `has no map if its blocks are allocated${isUsable ? '' : ' (needs root)'}`,
    async () => {
      const handle = handleOf(allocateFile(join(directoryOn(kind), 'file'), 8 * MiB));
      expect(await findHoles(handle, () => undefined)).toEqual({ holes: undefined });
    },
  );
});

describe('without a certain answer there is no map', () => {
  test.each([
    { title: 'the program fails', script: 'exit 3', reason: 'failed' },
    { title: 'the program is killed', script: 'kill -9 $$', reason: 'failed' },
    { title: 'it prints nothing', script: 'exit 0', reason: 'an impossible answer' },
    { title: 'it prints garbage', script: 'head -c 160 /dev/urandom', reason: 'an impossible answer' },
    { title: 'it prints too much, from a process of its own', script: 'cat /dev/zero', reason: 'failed' },
    { title: 'it prints too much', script: 'exec cat /dev/zero', reason: 'failed' },
  ])('if $title', async ({ script, reason }) => {
    usePrograms({ perl: script });
    const { holes, note } = await findHoles(sparseHandle(), () => undefined);
    expect(holes).toBeUndefined();
    expect(note).toContain(reason);
  });

  test('if there is neither perl nor python3', async () => {
    usePrograms({});
    const { holes, note } = await findHoles(sparseHandle(), () => undefined);
    expect(holes).toBeUndefined();
    expect(note).toContain('neither perl nor python3 can be run');
  });

  test('and python3 gives the same one as perl', async () => {
    const handle = sparseHandle();
    const { holes } = await findHoles(handle, () => undefined);
    usePrograms({ python3: 'exec /usr/bin/python3 "$@"' });
    expect([...(await findHoles(handle, () => undefined)).holes!]).toEqual([...holes!]);
  });

  test.skipIf(!isRoot)('if the file system is not known to be reliable (needs root)', async () => {
    const directory = scratchDirectory();
    const [lower, upper, work, merged] = ['l', 'u', 'w', 'm'].map((name) => join(directory, name));
    for (const name of [lower, upper, work]) mkdirSync(name!);
    onTestFinished(mountOverlay(merged!, { lower: lower!, upper: upper!, work: work! }));
    const handle = handleOf(makeSparseFile(join(merged!, 'file'), 8 * MiB, []));
    expect((await findHoles(handle, () => undefined)).note).toContain(
      'the holes of a file on overlay are not certain',
    );
  });

  test.each([
    { title: 'is incomplete', ranges: [0, 100], count: 2 },
    { title: 'is beyond the file', ranges: [0, 1001], count: 1 },
    { title: 'goes backwards', ranges: [100, 200, 150, 300], count: 2 },
    { title: 'has an empty range', ranges: [100, 100], count: 1 },
    { title: 'has a fraction', ranges: [0.5, 100], count: 1 },
    { title: 'has no number', ranges: [NaN, 100], count: 1 },
  ])('if a list $title', ({ ranges, count }) => {
    expect(parseDataRanges(Buffer.from(Float64Array.of(...ranges, -1, count).buffer), 1000)).toBeUndefined();
  });

  test('but a valid list is one', () => {
    const list = Buffer.from(Float64Array.of(0, 100, 900, 1000, -1, 2).buffer);
    expect([...parseDataRanges(list, 1000)!]).toEqual([0, 100, 900, 1000]);
    expect(parseDataRanges(list.subarray(0, -1), 1000)).toBeUndefined();
    expect(parseDataRanges(list.subarray(0, -16), 1000)).toBeUndefined();
  });
});

function sparseHandle(): DeviceHandle {
  return handleOf(
    makeSparseFile(join(directoryOn('tmpfs'), 'file'), 8 * MiB, [{ at: 3 * MiB, lengthBytes: 70_000 }]),
  );
}

function handleOf(path: string): DeviceHandle {
  const fd = openSync(path, 'r+');
  onTestFinished(() => closeSync(fd));
  return { ...fileHandle(new Uint8Array(0)), path, fd, sizeBytes: statSync(path).size };
}

/** Reads with a map give the bytes that reads without it give, through the cache and past it. */
async function expectSameReads(handle: DeviceHandle, holes: Float64Array): Promise<void> {
  const view = openDiskView(handle);
  onTestFinished(() => view.close());
  const pieces = [];
  for (let at = 12_345; at < handle.sizeBytes; at += 999_983) {
    pieces.push({ offsetBytes: at, lengthBytes: Math.min(999_983, handle.sizeBytes - at) });
  }
  fsyncSync(handle.fd);
  for (const device of [handle, view.handle]) {
    const reader = new PieceReader();
    reader.start({ ...device, holes }, pieces);
    for (const { offsetBytes, lengthBytes } of pieces) {
      const expected = Buffer.alloc(lengthBytes, 'x');
      readFully(handle, offsetBytes, expected);
      expect(Buffer.compare(await reader.next(), expected)).toBe(0);
      const actual = Buffer.alloc(lengthBytes, 'y');
      readFully({ ...handle, holes }, offsetBytes, actual);
      expect(actual.equals(expected)).toBe(true);
    }
    await reader.stop();
  }
}

function mapOf(isData: readonly boolean[]): Float64Array {
  const ranges: number[] = [];
  isData.forEach((has, index) => {
    if (!has) return;
    if (ranges.at(-1) === index) ranges[ranges.length - 1] = index + 1;
    else ranges.push(index, index + 1);
  });
  return holesBetween(Float64Array.of(...ranges), isData.length, 1);
}
