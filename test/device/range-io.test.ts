import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { flush, reopenDirect, type DeviceHandle } from '../../src/device/device.ts';
import { alignedMemory, RangeReader, readFully, writeFully } from '../../src/device/range-io.ts';
import { isRoot } from '../support/loop-device.ts';
import {
  directory,
  failureOf,
  fileOf,
  fileWith,
  loopOver,
  MiB,
  mountedTmpfs,
  source,
  target,
} from './fixtures.ts';

const data = randomBytes(3 * MiB + 1000);

/** Both ways to read a range: into memory that is used again, and straight into the caller's. */
const readers: [string, (handle: DeviceHandle, offset: number, length: number) => Uint8Array][] = [
  ['a reader', (handle, offset, length) => new RangeReader(MiB).read(handle, offset, length)],
  [
    'a read into given memory',
    (handle, offset, length) => {
      const into = Buffer.alloc(length, 'x');
      readFully(handle, offset, into);
      return into;
    },
  ],
];

describe.each(readers)('%s', (_, read) => {
  it('gives exactly the bytes of a range', async () => {
    const { handle } = await source(fileWith(data));
    for (const [offset, length] of [
      [0, MiB],
      [1, 1],
      [4095, 2],
      [data.length - 1, 1],
      [data.length, 0],
    ] as const) {
      expect(Buffer.compare(read(handle, offset, length), data.subarray(offset, offset + length))).toBe(0);
    }
  });

  it('ends the run where the file has become shorter, with the place', async () => {
    const file = fileWith(data);
    const { handle } = await source(file);
    truncateSync(file, 5000);
    expect(await failureOf(() => read(handle, 4000, 2000))).toEqual({
      code: 'device',
      message:
        `local file ${file} ends at byte 5000, but it had ${data.length} bytes when it was opened: ` +
        'it has become shorter.',
      side: 'local',
      device: file,
      offsetBytes: 5000,
    });
  });
});

describe('a reader', () => {
  it('takes a range that is not inside the device, or over its capacity, for our own bug', async () => {
    const { handle } = await source(fileWith(data));
    const reader = new RangeReader(100);
    for (const [offset, length] of [
      [-1, 1],
      [data.length, 1],
      [0, 101],
      [0.5, 1],
      [NaN, 1],
      [0, -1],
    ] as const) {
      expect(await failureOf(() => reader.read(handle, offset, length))).toMatchObject({ code: 'internal' });
    }
  });

  it('in another thread uses the same descriptor', async () => {
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
  it('gives the same bytes as buffered access, for any range', async () => {
    const direct = directly((await source(fileWith(data))).handle);
    expect(direct).toMatchObject({ access: 'direct', sizeBytes: data.length });
    const reader = new RangeReader(data.length);
    const range = fc
      .tuple(fc.nat(data.length), fc.nat(data.length))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
    fc.assert(
      fc.property(range, ([start = 0, end = 0]) => {
        expect(Buffer.compare(reader.read(direct, start, end - start), data.subarray(start, end))).toBe(0);
      }),
    );
  });

  it('really demands what the reader provides: the kernel refuses the same read unaligned', async () => {
    const direct = directly((await source(fileWith(data))).handle);
    expect(() => readSync(direct.fd, alignedMemory(4096), 0, 4096, 1)).toThrow('EINVAL');
    expect(() => readSync(direct.fd, alignedMemory(8192), 1, 4096, 0)).toThrow('EINVAL');
  });

  it('works on an empty file', async () => {
    const direct = directly((await source(fileOf(0))).handle);
    expect(new RangeReader(1).read(direct, 0, 0)).toHaveLength(0);
  });

  it('ends the run where the file has become shorter, with the place', async () => {
    const file = fileWith(data);
    const direct = directly((await source(file)).handle);
    truncateSync(file, 5000);
    const failure = await failureOf(() => new RangeReader(MiB).read(direct, 100, 10_000));
    expect(failure).toMatchObject({ code: 'device', offsetBytes: 5000 });
    expect(failure.message).toContain('it has become shorter');
  });

  it.skipIf(!isRoot)(
    'reads the odd end of a block device that is claimed for writing (needs root)',
    async () => {
      const { handle } = await target(loopOver(fileWith(data.subarray(0, 3 * MiB + 512))));
      const bytes = new RangeReader(MiB).read(directly(handle), 3 * MiB - 100, 612);
      expect(Buffer.compare(bytes, data.subarray(3 * MiB - 100, 3 * MiB + 512))).toBe(0);
    },
  );

  it('is undefined where the storage has none', async () => {
    const { handle } = await target(join(directory(), 'new'), { missing: 'create', purpose: 'dry run' });
    expect(reopenDirect(handle)).toBeUndefined();
  });

  it('opens the same file even if another one has its name by now', async () => {
    const file = fileWith(data);
    const { handle } = await source(file);
    writeFileSync(`${file}.other`, 'other');
    spawnSync('mv', [`${file}.other`, file]);
    expect(Buffer.from(new RangeReader(10).read(directly(handle), 0, 10))).toEqual(data.subarray(0, 10));
  });

  it('lets go of its own descriptor and leaves the other one open', async () => {
    const { handle } = await source(fileWith(data));
    const direct = reopenDirect(handle)!;
    await direct.close();
    expect(() => readSync(direct.handle.fd, alignedMemory(4096), 0, 4096, 0)).toThrow('EBADF');
    expect(new RangeReader(10).read(handle, 0, 10)).toHaveLength(10);
  });
});

describe('writing', () => {
  it('puts exactly the bytes in their place', async () => {
    const file = fileWith(data);
    const { handle } = await target(file);
    writeFully(handle, 1000, Buffer.from('hello'));
    await flush(handle);
    const expected = Buffer.concat([data.subarray(0, 1000), Buffer.from('hello'), data.subarray(1005)]);
    expect(Buffer.compare(readFileSync(file), expected)).toBe(0);
  });

  it('past the end is taken for our own bug, and writes nothing', async () => {
    const file = fileWith(data);
    const { handle } = await target(file);
    const work = () => writeFully(handle, data.length - 2, Buffer.from('abc'));
    expect(await failureOf(work)).toMatchObject({ code: 'internal' });
    expect(Buffer.compare(readFileSync(file), data)).toBe(0);
  });

  it('past the limit of file sizes ends the run with the place, after a real short write', () => {
    const file = fileOf(MiB);
    const module = (name: string): string =>
      fileURLToPath(new URL(`../../src/device/${name}.ts`, import.meta.url));
    const program = `
      import { openTarget } from ${JSON.stringify(module('device'))};
      import { writeFully } from ${JSON.stringify(module('range-io'))};
      const { handle } = await openTarget(${JSON.stringify(file)}, {
        side: 'remote', sourceSizeBytes: 0, missing: 'refuse', inUse: 'refuse', purpose: 'write',
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

  it.skipIf(!isRoot)('to a full file system ends the run with the place (needs root)', async () => {
    const file = join(mountedTmpfs(MiB), 'disk.img');
    const { handle } = await target(file, { missing: 'create', sourceSizeBytes: 2 * MiB });
    expect(await failureOf(() => writeFully(handle, 0, Buffer.alloc(2 * MiB)))).toMatchObject({
      code: 'device',
      message: `cannot write remote file ${file} at byte ${MiB}: no space left on device (ENOSPC).`,
      offsetBytes: MiB,
    });
  });
});

describe.skipIf(!isRoot)('a failing disk: a loop device over a file that was cut (needs root)', () => {
  it.each([
    // The page cache reads page by page, a direct read is one.
    ['buffered', MiB],
    ['direct', MiB - 8192],
  ] as const)('ends a %s read with the place', async (access, offsetBytes) => {
    const file = fileWith(data.subarray(0, 2 * MiB));
    const { handle } = await source(loopOver(file));
    truncateSync(file, MiB);
    const failing = access === 'direct' ? directly(handle) : handle;
    const reader = new RangeReader(2 * MiB);
    expect(Buffer.compare(reader.read(failing, 0, MiB), data.subarray(0, MiB))).toBe(0);
    expect(await failureOf(() => reader.read(failing, MiB - 8192, 16_384))).toMatchObject({
      code: 'device',
      message: `cannot read local device ${handle.path} at byte ${offsetBytes}: input/output error (EIO).`,
      offsetBytes,
    });
  });

  it('that can not keep what was written to it fails the flush', async () => {
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
  const direct = reopenDirect(handle);
  if (direct === undefined) throw new Error('the file system of the tests has no direct access');
  onTestFinished(() => direct.close().catch(() => undefined));
  return direct.handle;
}
