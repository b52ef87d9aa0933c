import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { alignedMemory } from '../../src/device/aligned-memory.ts';
import { flush, openDiskView, type DeviceHandle } from '../../src/device/device.ts';
import { PieceReader } from '../../src/device/piece-reader.ts';
import { readFully, writeFully } from '../../src/device/range-io.ts';
import { cutAll } from '../../src/digest/extent.ts';
import { isRoot } from '../support/loop-device.ts';
import {
  failureOf,
  fileOf,
  fileWith,
  loopOver,
  MiB,
  mountedTmpfs,
  source,
  target,
} from './devices.fixture.ts';

const data = randomBytes(3 * MiB + 1000);

/** A range of a device, read in one piece. */
type Read = (handle: DeviceHandle, offset: number, length: number) => Promise<Uint8Array>;

const readIntoMemory: Read = async (handle, offset, length) => {
  const into = Buffer.alloc(length, 'x');
  readFully(handle, offset, into);
  return into;
};
const readAsPiece: Read = (handle, offset, length) => readPieces(handle, offset, length, MiB);

/** A range of a device, read in pieces. */
async function readPieces(
  handle: DeviceHandle,
  offsetBytes: number,
  lengthBytes: number,
  pieceBytes: number,
): Promise<Uint8Array> {
  const reader = new PieceReader();
  reader.start(handle, cutAll([{ offsetBytes, lengthBytes }], pieceBytes));
  const parts: Buffer[] = [];
  try {
    while (reader.hasNext) parts.push(Buffer.from(await reader.next()));
  } finally {
    await reader.stop();
  }
  return Buffer.concat(parts);
}

describe.each([
  ['a read into given memory', readIntoMemory],
  ['a buffered piece', readAsPiece],
])('%s', (_, read) => {
  it('returns exactly the bytes of a range', async () => {
    const { handle } = await source(fileWith(data));
    for (const [offset, length] of [
      [0, MiB],
      [1, 1],
      [4095, 2],
      [data.length - 1, 1],
      [data.length, 0],
    ] as const) {
      const bytes = await read(handle, offset, length);
      expect(Buffer.compare(bytes, data.subarray(offset, offset + length))).toBe(0);
    }
  });

  it('fails with the offset if the file has become shorter', async () => {
    const file = fileWith(data);
    const { handle } = await source(file);
    truncateSync(file, 5000);
    expect(await failureOf(() => read(handle, 4000, 2000))).toEqual({
      code: 'device',
      message:
        `local file ${file} ends at byte 5000, but it had ${data.length} bytes when it was opened: ` +
        'it has shrunk.',
      side: 'local',
      device: file,
      offsetBytes: 5000,
    });
  });
});

describe('a reader', () => {
  it('reports a range outside the device as a bug in Basyn', async () => {
    const { handle } = await source(fileWith(data));
    for (const view of [handle, directly(handle)]) {
      for (const [offset, length] of [
        [-1, 1],
        [data.length, 1],
        [0.5, 1],
        [NaN, 1],
      ] as const) {
        const reader = new PieceReader();
        reader.start(view, [{ offsetBytes: offset, lengthBytes: length }]);
        expect(await failureOf(async () => reader.next())).toMatchObject({ code: 'internal' });
        await reader.stop();
      }
    }
  });

  it('uses the same descriptor in another thread', async () => {
    const { handle } = await source(fileWith(data));
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      const bytes = Buffer.alloc(1000);
      require('node:fs').readSync(workerData.fd, bytes, 0, 1000, 2000);
      parentPort.postMessage(bytes.toString('hex'));`;
    const read = () =>
      new Promise((resolve, reject) => {
        const worker = new Worker(program, { eval: true, workerData: handle });
        worker.once('message', resolve).once('error', reject);
      });
    const expected = data.subarray(2000, 3000).toString('hex');
    expect(await Promise.all([read(), read()])).toEqual([expected, expected]);
  });
});

describe('direct access', () => {
  it('returns the same bytes as buffered access, for any range and any pieces', async () => {
    const direct = directly((await source(fileWith(data))).handle);
    expect(direct).toMatchObject({ access: 'direct', sizeBytes: data.length });
    const range = fc
      .tuple(fc.nat(data.length), fc.nat(data.length), fc.integer({ min: 5000, max: MiB }))
      .map(([a, b, pieceBytes]) => [Math.min(a, b), Math.max(a, b), pieceBytes] as const);
    await fc.assert(
      fc.asyncProperty(range, async ([start, end, pieceBytes]) => {
        const bytes = await readPieces(direct, start, end - start, pieceBytes);
        expect(Buffer.compare(bytes, data.subarray(start, end))).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('does not change a piece until the next one is requested, although it reads ahead', async () => {
    const direct = directly((await source(fileWith(data))).handle);
    const reader = new PieceReader();
    const pieces = cutAll([{ offsetBytes: 0, lengthBytes: data.length }], 8192);
    reader.start(direct, pieces);
    for (const { offsetBytes, lengthBytes } of pieces) {
      const piece = await reader.next();
      await new Promise((resolve) => setImmediate(resolve));
      expect(Buffer.compare(piece, data.subarray(offsetBytes, offsetBytes + lengthBytes))).toBe(0);
    }
    await reader.stop();
  });

  it('requires the alignment that the reader provides: the kernel refuses the same read unaligned', async () => {
    const direct = directly((await source(fileWith(data))).handle);
    expect(() => readSync(direct.fd, alignedMemory(4096)!, 0, 4096, 1)).toThrow('EINVAL');
    expect(() => readSync(direct.fd, alignedMemory(8192)!, 1, 4096, 0)).toThrow('EINVAL');
  });

  it('works on an empty file', async () => {
    const direct = directly((await source(fileOf(0))).handle);
    expect(await readPieces(direct, 0, 0, 1)).toHaveLength(0);
  });

  it('fails with the offset if the file has become shorter', async () => {
    const file = fileWith(data);
    const direct = directly((await source(file)).handle);
    truncateSync(file, 5000);
    const failure = await failureOf(() => readPieces(direct, 100, 10_000, MiB));
    expect(failure).toMatchObject({ code: 'device', offsetBytes: 5000 });
    expect(failure.message).toContain('it has shrunk');
  });

  it.skipIf(!isRoot)(
    'reads the unaligned end of a block device that is claimed for writing (needs root)',
    async () => {
      const { handle } = await target(loopOver(fileWith(data.subarray(0, 3 * MiB + 512))));
      const bytes = await readPieces(directly(handle), 3 * MiB - 100, 612, MiB);
      expect(Buffer.compare(bytes, data.subarray(3 * MiB - 100, 3 * MiB + 512))).toBe(0);
    },
  );

  it('gives the reason if the storage does not support it', async () => {
    const path = '/proc/cpuinfo';
    const fd = openSync(path, 'r');
    onTestFinished(() => closeSync(fd));
    const place = { side: 'local', hosts: 'two', path, kind: 'regular file', fd, sizeBytes: 0 } as const;
    const handle = { ...place, access: 'buffered', alignmentBytes: 1 } as const;
    expect(openDiskView(handle)).toMatchObject({
      handle,
      cachedBecause: 'its file system does not support direct reads',
    });
  });

  it.skipIf(!isRoot)('is not needed if the page cache is the storage (needs root)', async () => {
    const { handle } = await source(fileOf(MiB, 'disk.img', mountedTmpfs(2 * MiB)));
    expect(openDiskView(handle)).toMatchObject({ handle, cachedBecause: undefined });
  });

  it.skipIf(!isRoot)('reports a loop device that reads its file through the cache (needs root)', async () => {
    const file = fileWith(data.subarray(0, MiB));
    for (const [io, reason] of [
      ['buffered', expect.stringMatching(/^the loop device loop\d+ reads its file through the page cache/)],
      ['direct', undefined],
    ] as const) {
      const { handle } = await source(loopOver(file, { io }));
      const view = openDiskView(handle);
      expect(view.cachedBecause).toEqual(reason);
      expect(view.handle.access).toBe('direct');
      await view.close();
    }
  });

  it('opens the same file even if another one now has its name', async () => {
    const file = fileWith(data);
    const { handle } = await source(file);
    writeFileSync(`${file}.other`, 'other');
    spawnSync('mv', [`${file}.other`, file]);
    expect(await readPieces(directly(handle), 0, 10, MiB)).toEqual(data.subarray(0, 10));
  });

  it('closes its own descriptor and leaves the other one open', async () => {
    const { handle } = await source(fileWith(data));
    const direct = openDiskView(handle);
    await direct.close();
    expect(() => readSync(direct.handle.fd, alignedMemory(4096)!, 0, 4096, 0)).toThrow('EBADF');
    expect(await readPieces(handle, 0, 10, MiB)).toHaveLength(10);
  });
});

describe('writing', () => {
  it('stores exactly the given bytes at the given offset', async () => {
    const file = fileWith(data);
    const { handle } = await target(file);
    writeFully(handle, 1000, Buffer.from('hello'));
    await flush(handle);
    const expected = Buffer.concat([data.subarray(0, 1000), Buffer.from('hello'), data.subarray(1005)]);
    expect(Buffer.compare(readFileSync(file), expected)).toBe(0);
  });

  it('past the end is reported as a bug in Basyn, and changes nothing', async () => {
    const file = fileWith(data);
    const { handle } = await target(file);
    const work = () => writeFully(handle, data.length - 2, Buffer.from('abc'));
    expect(await failureOf(work)).toMatchObject({ code: 'internal' });
    expect(Buffer.compare(readFileSync(file), data)).toBe(0);
  });

  it('past the limit on file sizes fails with the offset, after a real short write', () => {
    const file = fileOf(MiB);
    const module = (name: string): string =>
      fileURLToPath(new URL(`../../src/device/${name}.ts`, import.meta.url));
    const program = `
      import { openTarget } from ${JSON.stringify(module('device'))};
      import { writeFully } from ${JSON.stringify(module('range-io'))};
      const { handle } = await openTarget(${JSON.stringify(file)}, {
        side: 'remote', hosts: 'two', sourceSizeBytes: 0, missing: 'refuse', inUse: 'refuse', purpose: 'write',
      });
      try {
        writeFully(handle, 1000, Buffer.alloc(100_000, 1));
      } catch (error) {
        console.log(JSON.stringify(error.toRecord()));
      }`;
    const args = ['-c', 'ulimit -f 32 && exec "$@"', 'bash', process.execPath];
    const run = spawnSync('bash', [...args, '--import', 'tsx', '--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, TSX_DISABLE_CACHE: '1' },
    });
    expect(JSON.parse(run.stdout)).toEqual({
      code: 'device',
      message: `cannot write remote file ${file} at byte 32768: file size limit reached (EFBIG).`,
      side: 'remote',
      device: file,
      offsetBytes: 32_768,
    });
    expect(readFileSync(file).subarray(0, 40_000)).toEqual(
      Buffer.concat([Buffer.alloc(1000), Buffer.alloc(31_768, 1), Buffer.alloc(7232)]),
    );
  });

  it.skipIf(!isRoot)('to a full file system fails with the offset (needs root)', async () => {
    const file = join(mountedTmpfs(MiB), 'disk.img');
    const { handle } = await target(file, { missing: 'create', sourceSizeBytes: 2 * MiB });
    expect(await failureOf(() => writeFully(handle, 0, Buffer.alloc(2 * MiB)))).toMatchObject({
      code: 'device',
      message: `cannot write remote file ${file} at byte ${MiB}: no space left on device (ENOSPC).`,
      offsetBytes: MiB,
    });
  });
});

describe.skipIf(!isRoot)('a failing disk: a loop device over a truncated file (needs root)', () => {
  it.each(['buffered', 'direct'] as const)('makes a %s read fail with the offset', async (access) => {
    const file = fileWith(data.subarray(0, 2 * MiB));
    const { handle } = await source(loopOver(file));
    truncateSync(file, MiB);
    const failing = access === 'direct' ? directly(handle) : handle;
    const bytes = await readPieces(failing, 0, MiB, MiB);
    expect(Buffer.compare(bytes, data.subarray(0, MiB))).toBe(0);
    expect(await failureOf(() => readPieces(failing, MiB - 8192, 16_384, MiB))).toMatchObject({
      code: 'device',
      message: `cannot read local device ${handle.path} at byte ${MiB}: input/output error (EIO).`,
      offsetBytes: MiB,
    });
  });

  it('that cannot store what was written to it makes the flush fail', async () => {
    const parent = mountedTmpfs(MiB);
    const file = fileOf(4 * MiB, 'disk.img', parent);
    const device = loopOver(file);
    const { handle } = await target(device);
    writeFully(handle, 0, randomBytes(4 * MiB));
    expect(await failureOf(() => flush(handle))).toMatchObject({
      code: 'device',
      message: expect.stringMatching(/^cannot flush remote device .*; data may not be on the disk\.$/),
      device,
    });
  });
});

function directly(handle: DeviceHandle): DeviceHandle {
  const view = openDiskView(handle);
  if (view.handle.access !== 'direct') throw new Error('the file system of the tests has no direct access');
  onTestFinished(() => view.close().catch(() => undefined));
  return view.handle;
}
