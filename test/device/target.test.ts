import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
  swappedOn,
  target,
} from './devices.fixture.ts';

describe('a target', () => {
  it('keeps its size and its data when it is opened', async () => {
    const file = fileWith(Buffer.from('0123456789'));
    const { handle, warnings, created } = await target(file, { sourceSizeBytes: 4 });
    expect(handle).toMatchObject({ side: 'remote', path: file, kind: 'regular file', sizeBytes: 10 });
    expect({ warnings, created }).toEqual({ warnings: [], created: false });
    expect(readFileSync(file, 'utf8')).toBe('0123456789');
    expect(writeSync(handle.fd, Buffer.from('x'), 0, 1, 0)).toBe(1);
  });

  it('is refused if it is smaller than the source, with both sizes', async () => {
    const file = fileOf(100);
    expect(await failureOf(() => target(file, { sourceSizeBytes: 101 }))).toEqual({
      code: 'refused',
      message: `remote target ${file} is too small: it has 100 bytes, and the source has 101.`,
      side: 'remote',
      device: file,
      remedy: 'grow',
    });
    await target(file, { sourceSizeBytes: 100 });
  });

  it('is an error if it does not exist, with the remedy to create it', async () => {
    const path = join(directory(), 'gone');
    expect(await failureOf(() => target(path))).toMatchObject({
      code: 'device',
      message: `remote target ${path} does not exist.`,
      remedy: 'create',
    });
  });

  it('is refused if it is the source under another name, with or without --force', async () => {
    const file = fileOf(10);
    linkSync(file, `${file}.link`);
    symlinkSync(file, `${file}.symlink`);
    const { identity } = await source(file);
    for (const name of [file, `${file}.link`, `${file}.symlink`]) {
      const failure = await failureOf(() => target(name, { sourceIdentity: identity, inUse: 'warn' }));
      expect(failure).toMatchObject({ code: 'refused' });
      expect(failure.message).toContain('is the same storage as the source');
    }
  });

  it('is refused if it is neither a block device nor a regular file', async () => {
    const { message } = await failureOf(() => target('/dev/null'));
    expect(message).toBe('remote target /dev/null is a character device, not a block device or file.');
  });

  it.skipIf(!isRoot)('is refused without permission to write (needs root, to change the user)', async () => {
    const file = fileOf(10);
    chmodSync(join(file, '..'), 0o755);
    chmodSync(file, 0o444);
    const { message } = await asNobody(() => failureOf(() => target(file, { inUse: 'warn' })));
    expect(message).toBe(`remote target ${file} can't be opened for writing: permission denied (EACCES).`);
  });
});

it.skipIf(!isRoot)(
  'a target is not refused while unrelated loop devices are attached and detached (needs root)',
  async () => {
    const attachAndDetach =
      'for i in $(seq 60); do : >f; truncate -s 1M f; l=$(losetup -f --show f); rm f; losetup -d $l; done';
    const others = spawn('bash', ['-c', attachAndDetach], { cwd: directory(), stdio: 'ignore' });
    const ended = once(others, 'exit');
    const file = fileOf(10);
    while (others.exitCode === null) {
      const opened = await target(file);
      await opened.close();
    }
    expect(await ended).toEqual([0, null]);
  },
);

describe('two runs to one regular file', () => {
  it('exclude each other: the second is refused until the first is closed', async () => {
    const file = fileOf(10);
    linkSync(file, `${file}.link`);
    const first = await target(file);
    expect(await failureOf(() => target(`${file}.link`))).toMatchObject({
      code: 'refused',
      message: `remote target ${file}.link is locked by another program, possibly another run: stop that program first.`,
      remedy: 'force',
    });
    await first.close();
    await target(file);
  });

  it('are allowed with --force, with a warning', async () => {
    const file = fileOf(10);
    await target(file);
    expect((await target(file, { inUse: 'warn' })).warnings).toEqual([
      expect.stringContaining('is locked by'),
    ]);
  });

  it('leave no stale lock: the lock ends with a killed process', async () => {
    const file = fileOf(10);
    const kill = await runThatHoldsTarget(file);
    expect(await failureOf(() => target(file))).toMatchObject({ code: 'refused' });
    await kill();
    await target(file);
  });

  it('are not detected without flock, and a warning reports that', async () => {
    const file = fileOf(10);
    const path = process.env.PATH;
    onTestFinished(() => void (process.env.PATH = path));
    process.env.PATH = directory();
    expect((await target(file)).warnings).toEqual([expect.stringContaining("can't be locked")]);
  });
});

describe('a dry run', () => {
  it('opens the target for reading only, and passes the same guards', async () => {
    const file = fileOf(10);
    const { handle } = await target(file, { purpose: 'dry run' });
    expect(() => writeSync(handle.fd, Buffer.from('x'), 0, 1, 0)).toThrow('EBADF');
    expect(await failureOf(() => target(file, { purpose: 'dry run' }))).toMatchObject({ code: 'refused' });
  });
});

describe.skipIf(!isRoot)('a block device as a target (needs root)', () => {
  it('is claimed: a second run is refused until the first is closed', async () => {
    const device = loopOver(fileOf(MiB));
    const first = await target(device);
    expect(first.handle).toMatchObject({ kind: 'block device', sizeBytes: MiB });
    expect(await failureOf(() => target(device))).toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/is claimed by another program.*: release it first\.$/),
      remedy: 'force',
    });
    expect((await target(device, { inUse: 'warn' })).warnings).toEqual([
      expect.stringContaining('is claimed by'),
    ]);
    await first.close();
  });

  it('is also claimed by a dry run', async () => {
    const device = loopOver(fileOf(MiB));
    await target(device, { purpose: 'dry run' });
    expect(await failureOf(() => target(device, { purpose: 'dry run' }))).toMatchObject({ code: 'refused' });
  });

  it('is refused if it is mounted, under any name, with the mount point and the remedy', async () => {
    const device = loopOver(fileOf(8 * MiB));
    makeFileSystem(device);
    const mountPoint = mounted(device, 'ro', 'a \\ place');
    const link = join(directory(), 'by-id');
    symlinkSync(device, link);
    expect((await failureOf(() => target(device))).message).toBe(
      `remote target ${device} is mounted on ${mountPoint}: unmount it first.`,
    );
    expect((await failureOf(() => target(link))).message).toContain(`${link} is mounted on ${mountPoint}`);
    // The mount's claim in the kernel is not reported a second time.
    expect((await target(device, { inUse: 'warn' })).warnings).toEqual([
      `remote target ${device} is mounted on ${mountPoint}, but writing to it is allowed.`,
    ]);
  });

  it('is refused if it is a swap area', async () => {
    const device = loopOver(fileOf(MiB));
    swappedOn(device);
    expect((await failureOf(() => target(device))).message).toBe(
      `remote target ${device} is in use as swap: run "swapoff ${device}" first.`,
    );
  });

  it('is refused if one of its partitions, or the disk that contains it, is mounted', async () => {
    const parts = [1, 10].map((start) => ({ startBytes: start * MiB, sizeBytes: 8 * MiB }));
    const bytes = Buffer.concat([partitionTable(parts), Buffer.alloc(20 * MiB)]);
    const disk = loopOver(fileWith(bytes), { partitioned: true });
    makeFileSystem(`${disk}p1`);
    const mountPoint = mounted(`${disk}p1`);
    expect((await failureOf(() => target(disk))).message).toBe(
      `remote target ${disk} overlaps with ${disk.slice(5)}p1, which is mounted on ${mountPoint}: ` +
        'unmount it first.',
    );
    await target(`${disk}p2`);
    const whole = loopOver(fileWith(bytes), { partitioned: true });
    makeFileSystem(whole);
    mounted(whole);
    expect((await failureOf(() => target(`${whole}p1`))).message).toContain(
      `overlaps with ${whole.slice(5)}, which`,
    );
  });

  it('is refused if another loop device over the same file is mounted', async () => {
    const file = fileOf(8 * MiB);
    const [device, other] = [loopOver(file), loopOver(file)];
    makeFileSystem(other);
    mounted(other);
    expect((await failureOf(() => target(device))).message).toContain(
      `overlaps with ${other.slice(5)}, which is mounted`,
    );
  });

  it.each(['write', 'dry run'] as const)('is refused if it is read-only: %s', async (purpose) => {
    const device = loopOver(fileOf(MiB), { readOnly: true });
    expect(await failureOf(() => target(device, { purpose }))).toMatchObject({
      code: 'device',
      message: `remote target ${device} is a read-only device: nothing can be written to it.`,
    });
  });

  it('is refused if it overlaps with the source', async () => {
    const file = fileOf(MiB);
    const device = loopOver(file);
    for (const [from, to] of [
      [file, device],
      [device, file],
    ] as const) {
      const { identity } = await source(from);
      const failure = await failureOf(() => target(to, { sourceIdentity: identity, inUse: 'warn' }));
      expect(failure.message).toContain('is the same storage as the source');
    }
  });
});

describe.skipIf(!isRoot)('a regular file as a target (needs root)', () => {
  it('is refused if a loop device is attached to it or to a hard link of it, mounted or not', async () => {
    const file = fileOf(8 * MiB);
    const device = loopOver(file);
    linkSync(file, `${file}.link`);
    expect((await failureOf(() => target(`${file}.link`))).message).toBe(
      `remote target ${file}.link is attached to the loop device ${device}: ` +
        `detach it first ("losetup -d ${device}").`,
    );
    makeFileSystem(device);
    mounted(device);
    expect((await failureOf(() => target(file))).message).toContain('which is mounted on');
    expect((await target(file, { inUse: 'warn' })).warnings).toHaveLength(1);
  });

  it('causes two warnings if another run writes to it and a loop device is attached to it', async () => {
    const file = fileOf(MiB);
    await target(file);
    const device = loopOver(file);
    expect((await target(file, { inUse: 'warn' })).warnings).toEqual([
      `remote target ${file} is attached to the loop device ${device}, but writing to it is allowed.`,
      `remote target ${file} is locked by another program, possibly another run, but writing to it is allowed.`,
    ]);
  });

  it('is refused if it is a swap file', async () => {
    const parent = mountedExt4();
    const file = join(parent, 'swap file');
    writeFileSync(file, Buffer.alloc(MiB), { mode: 0o600 });
    swappedOn(file);
    expect((await failureOf(() => target(file))).message).toBe(
      `remote target ${file} is in use as swap: run "swapoff ${file}" first.`,
    );
  });

  it.each(['write', 'dry run'] as const)('is refused on a read-only file system: %s', async (purpose) => {
    const parent = mountedExt4();
    writeFileSync(join(parent, 'file'), 'x');
    execFileSync('mount', ['-o', 'remount,ro', parent]);
    const { message } = await failureOf(() => target(join(parent, 'file'), { purpose }));
    expect(message).toMatch(/can't be opened for writing: read-only file system or device \(EROFS\)\.$/);
  });

  it('is refused in /dev, because a typing error may have created it there', async () => {
    const path = `/dev/basyn-test-${process.pid}`;
    closeSync(openSync(path, 'wx'));
    onTestFinished(() => rmSync(path));
    const link = join(directory(), 'link');
    symlinkSync(path, link);
    expect((await failureOf(() => target(path))).message).toContain(
      'is a regular file under /dev, which is in memory',
    );
    expect((await failureOf(() => target(link))).message).toContain('is a regular file under /dev');
  });
});

function mountedExt4(): string {
  const device = loopOver(fileOf(8 * MiB));
  makeFileSystem(device);
  return mounted(device);
}

/** Starts another process that has the target open. Returns a function that kills it at once. */
async function runThatHoldsTarget(file: string): Promise<() => Promise<void>> {
  const deviceModule = fileURLToPath(new URL('../../src/device/device.ts', import.meta.url));
  const program = `
    import { openTarget } from ${JSON.stringify(deviceModule)};
    await openTarget(${JSON.stringify(file)}, {
      side: 'local', hosts: 'two', sourceSizeBytes: 0, missing: 'refuse', inUse: 'refuse', purpose: 'write',
    });
    console.log('open');
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  await Promise.race([once(child.stdout, 'data'), exited]);
  expect(child.exitCode).toBeNull();
  return async () => {
    child.kill('SIGKILL');
    await exited;
  };
}
