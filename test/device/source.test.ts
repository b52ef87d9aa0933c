import { execFileSync } from 'node:child_process';
import { chmodSync, readSync, symlinkSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isRoot, partitionTable } from '../support/loop-device.ts';
import {
  asNobody,
  directory,
  failureOf,
  fileOf,
  fileWith,
  loopOver,
  makeFileSystem,
  MiB,
  mounted,
  source,
} from './devices.fixture.ts';

describe('a source', () => {
  it('is opened with its exact size, even if it is empty or read-only', async () => {
    const file = fileOf(12_345);
    chmodSync(file, 0o444);
    const { handle, warnings, created } = await source(file);
    expect(handle).toMatchObject({ side: 'local', path: file, kind: 'regular file', sizeBytes: 12_345 });
    expect({ warnings, created }).toEqual({ warnings: [], created: false });
    expect((await source(fileOf(0))).handle.sizeBytes).toBe(0);
  });

  it('may be larger than 4 GiB', async () => {
    const { handle } = await source(fileOf(5 * 1024 ** 4 + 1));
    expect(handle.sizeBytes).toBe(5 * 1024 ** 4 + 1);
  });

  it('cannot be written to', async () => {
    const { handle } = await source(fileOf(10));
    expect(() => writeSync(handle.fd, Buffer.from('x'), 0, 1, 0)).toThrow('EBADF');
  });

  it('is sent to a worker as plain data', async () => {
    const { handle } = await source(fileOf(10));
    expect(structuredClone(handle)).toEqual(handle);
  });

  it('releases its descriptor when it is closed', async () => {
    const opened = await source(fileOf(10));
    await opened.close();
    expect(() => readSync(opened.handle.fd, Buffer.alloc(1))).toThrow('EBADF');
  });

  it.each([
    ['is missing', () => join(directory(), 'gone'), 'does not exist.'],
    ['is a directory', () => directory(), 'is a directory, not a block device or file.'],
    [
      'is a kernel file that reports a size of 0',
      () => '/proc/version',
      'reports a size of 0 bytes but contains data: it is not a file on a disk.',
    ],
    ['is a character device', () => '/dev/null', 'is a character device, not a block device or file.'],
    ['is a pipe', pipe, 'is a pipe, not a block device or file.'],
    ['is a socket', socket, 'is a socket, not a block device or file.'],
    [
      'is below a file',
      () => join(fileOf(1), 'x'),
      "can't be opened: a part of the path is not a directory (ENOTDIR).",
    ],
    ['is a loop of symbolic links', circle, "can't be opened: too many symbolic links (ELOOP)."],
  ])('is refused in one sentence if it %s', async (_what, makePath, sentence) => {
    const path = await makePath();
    expect(await failureOf(() => source(path))).toEqual({
      code: 'device',
      message: `local source ${path} ${sentence}`,
      side: 'local',
      device: path,
    });
  });

  it('is refused if its name contains a zero byte', async () => {
    expect(await failureOf(() => source('a\0b'))).toMatchObject({ code: 'device' });
  });

  it.skipIf(!isRoot)('is refused without permission (needs root, to change the user)', async () => {
    const file = fileOf(10);
    chmodSync(file, 0o000);
    const failure = await asNobody(() => failureOf(() => source(file)));
    expect(failure.message).toMatch(/^local source .*: permission denied \(EACCES\)\.$/);
  });
});

describe.skipIf(!isRoot)('a block device as a source (needs root)', () => {
  it('has the size that the kernel reports, even if it is read-only', async () => {
    const device = loopOver(fileOf(3 * MiB + 512), { readOnly: true });
    const { handle } = await source(device);
    expect(handle).toMatchObject({ kind: 'block device', sizeBytes: 3 * MiB + 512 });
  });

  it('may be open and claimed by other processes', async () => {
    const device = loopOver(fileOf(8 * MiB));
    makeFileSystem(device);
    mounted(device, 'ro');
    expect((await source(device)).warnings).toEqual([]);
  });

  it('causes a warning that recommends a snapshot if it is mounted read-write', async () => {
    const file = fileOf(8 * MiB);
    const device = loopOver(file);
    makeFileSystem(device);
    const mountPoint = mounted(device);
    const sentence = `is mounted read-write on ${mountPoint}: use a snapshot (LVM) or remount it read-only, or`;
    expect((await source(device)).warnings).toEqual([
      expect.stringContaining(`local source ${device} ${sentence}`),
    ]);
    expect((await source(file)).warnings).toEqual([
      expect.stringContaining(`local source ${file} ${sentence}`),
    ]);
  });

  it('causes that warning if one of its partitions is mounted', async () => {
    const table = partitionTable([{ startBytes: MiB, sizeBytes: 8 * MiB }]);
    const disk = loopOver(fileWith(Buffer.concat([table, Buffer.alloc(10 * MiB)])), { partitioned: true });
    makeFileSystem(`${disk}p1`);
    const mountPoint = mounted(`${disk}p1`);
    expect((await source(disk)).warnings).toEqual([expect.stringContaining(mountPoint)]);
  });

  it('is refused if it is a loop device without a file', async () => {
    // A number that a request for a free one never returns.
    const lonely = join(directory(), 'node');
    execFileSync('mknod', [lonely, 'b', '7', '1000']);
    const { message } = await failureOf(() => source(lonely));
    expect(message).toMatch(/can't be opened for reading: no such device|has a size of 0 bytes/);
  });
});

function pipe(): string {
  const path = join(directory(), 'pipe');
  execFileSync('mkfifo', [path]);
  return path;
}

async function socket(): Promise<string> {
  const path = join(directory(), 'socket');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
  return path;
}

function circle(): string {
  const path = join(directory(), 'circle');
  symlinkSync(path, path);
  return path;
}
