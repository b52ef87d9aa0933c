import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isRoot, mountFile, mountOverlay, mountProgram } from '../support/loop-device.ts';
import { directory, failureOf, fileOf, loopOver, MiB, mounted, source, target } from './devices.fixture.ts';

/** The same bytes under two names: copying one to the other is refused in both directions, even with --force. */
async function expectSameStorage(first: string, second: string): Promise<void> {
  for (const [from, to] of [
    [first, second],
    [second, first],
  ] as const) {
    const opened = await source(from);
    const { identity } = opened;
    const failure = await failureOf(() => target(to, { sourceIdentity: identity, inUse: 'warn' }));
    expect(failure, `${from} to ${to}`).toMatchObject({
      code: 'refused',
      message: expect.stringContaining('is the same storage as the source'),
    });
    await opened.close();
  }
}

async function expectAttached(file: string, device: string): Promise<void> {
  const { code, message } = await failureOf(() => target(file));
  expect(message).toContain(`is attached to the loop device ${device}`);
  expect(code).toBe('refused');
}

describe.skipIf(!isRoot)('a file below a loop device (needs root)', () => {
  it('is recognised if the attached name was removed', async () => {
    const file = fileOf(MiB);
    const device = loopOver(file);
    linkSync(file, `${file}.link`);
    unlinkSync(file);
    await expectAttached(`${file}.link`, device);
    await expectSameStorage(device, `${file}.link`);
  });

  it('is recognised if that name is not UTF-8', async () => {
    const file = fileOf(MiB);
    const odd = Buffer.concat([Buffer.from(`${file}.`), Buffer.from([0xe9, 0x80, 0xff])]);
    linkSync(file, odd);
    const device = execFileSync(
      'sh',
      ['-c', 'losetup --find --show "$0"*.[!a-z]*'.replace('.[!a-z]*', '.*'), file],
      {
        encoding: 'utf8',
      },
    ).trim();
    onTestFinished(() => void execFileSync('losetup', ['--detach', device]));
    await expectAttached(file, device);
    await expectSameStorage(device, file);
  });

  it('is recognised if something is mounted over that name', async () => {
    const parent = directory();
    const file = fileOf(MiB, 'disk.img', parent);
    const elsewhere = join(directory(), 'link');
    linkSync(file, elsewhere);
    const device = loopOver(file);
    const cover = directory();
    fileOf(MiB, 'disk.img', cover);
    execFileSync('mount', ['--bind', cover, parent]);
    onTestFinished(() => void execFileSync('umount', [parent]));
    await expectAttached(elsewhere, device);
    await expectSameStorage(device, elsewhere);
    // The file that has this name now is not mistaken for it either.
    await target(file);
  });

  it('is recognised through a bind mount of the file itself', async () => {
    const file = fileOf(MiB);
    const other = fileOf(0, 'other');
    execFileSync('mount', ['--bind', file, other]);
    onTestFinished(() => void execFileSync('umount', [other]));
    const device = loopOver(file);
    await expectAttached(other, device);
    await expectSameStorage(device, other);
    await expectSameStorage(file, other);
  });

  it('is recognised below a loop device over a loop device', async () => {
    const file = fileOf(4 * MiB);
    const lower = loopOver(file);
    const upper = loopOver(lower, { offsetBytes: MiB });
    await expectAttached(lower, upper);
    await expectSameStorage(upper, file);
    await expectSameStorage(upper, lower);
  });
});

/** A losetup without the required options, like that of busybox. */
function withoutLosetup(): void {
  const path = process.env.PATH;
  onTestFinished(() => void (process.env.PATH = path));
  const bin = directory();
  writeFileSync(join(bin, 'losetup'), '#!/bin/sh\necho "losetup: invalid option" >&2\nexit 1\n', {
    mode: 0o755,
  });
  process.env.PATH = `${bin}:${path!}`;
}

describe.skipIf(!isRoot)('a loop device whose file cannot be determined (needs root)', () => {
  it('makes a target that may be its file be refused, and only causes a warning with --force', async () => {
    const file = fileOf(MiB);
    const device = loopOver(file);
    linkSync(file, `${file}.link`);
    unlinkSync(file);
    withoutLosetup();
    expect(await failureOf(() => target(`${file}.link`))).toMatchObject({
      code: 'refused',
      message: expect.stringContaining(
        `may be attached to the loop device ${device}, which can't be determined (this losetup does not report it`,
      ),
    });
    const { warnings } = await target(`${file}.link`, { inUse: 'warn' });
    expect(warnings).toEqual([expect.stringContaining(`may be attached to the loop device ${device}`)]);
  });

  it('as the source makes a target that may be its file be refused, even with --force', async () => {
    const file = fileOf(MiB);
    const device = loopOver(file);
    linkSync(file, `${file}.link`);
    unlinkSync(file);
    withoutLosetup();
    const { identity } = await source(device);
    const failure = await failureOf(() =>
      target(`${file}.link`, { sourceIdentity: identity, inUse: 'warn' }),
    );
    expect(failure).toMatchObject({
      code: 'refused',
      message: expect.stringContaining(
        `may be the same storage as the source, because it can't be determined which file ${device} is attached to`,
      ),
    });
  });

  it('is identified by its name if that leads to a file of the right size', async () => {
    const file = fileOf(MiB);
    const device = loopOver(file);
    withoutLosetup();
    await expectAttached(file, device);
    await expectSameStorage(device, file);
  });

  it('does not cause a file to be refused whose only name is different', async () => {
    const file = fileOf(MiB);
    loopOver(file);
    renameSync(file, `${file}.moved`);
    rmSync(`${file}.moved`);
    // The name is removed, so nothing is known about the file.
    withoutLosetup();
    expect(await failureOf(() => target(fileOf(MiB, 'other.img')))).toMatchObject({ code: 'refused' });
  });

  it('does not cause other files to be refused if its name is not visible', async () => {
    const parent = directory();
    loopOver(fileOf(MiB, 'host.img', parent));
    const cover = directory();
    execFileSync('mount', ['--bind', cover, parent]);
    onTestFinished(() => void execFileSync('umount', [parent]));
    withoutLosetup();
    await target(fileOf(MiB, 'other.img'));
    expect(await failureOf(() => target(fileOf(MiB, 'host.img')))).toMatchObject({ code: 'refused' });
  });
});

describe.skipIf(!isRoot)('a file that is mounted without a loop device (needs root)', () => {
  it('is in use', async () => {
    const content = directory();
    writeFileSync(join(content, 'a'), 'a');
    const file = join(directory(), 'image.erofs');
    execFileSync('mkfs.erofs', ['--quiet', file, content]);
    linkSync(file, `${file}.link`);
    const mountPoint = join(directory(), 'mount point');
    onTestFinished(mountFile(file, mountPoint, 'erofs'));
    for (const name of [file, `${file}.link`]) {
      const { message } = await failureOf(() => target(name));
      expect(message).toContain(`is mounted on ${mountPoint}`);
    }
  });

  // In a mount namespace of its own: while such a mount is visible, every file may be the one that is mounted.
  it('is refused if its name is gone', () => {
    const content = directory();
    writeFileSync(join(content, 'a'), 'a');
    const file = join(directory(), 'image.erofs');
    execFileSync('mkfs.erofs', ['--quiet', file, content]);
    linkSync(file, `${file}.link`);
    const mountPoint = directory();
    const script =
      '/usr/bin/python3 -c "$6" "$1" "$2" erofs && rm "$1" && ' +
      'exec "$3" "$4" --local="$5" --remote="$1.link" --action=PUSH --mode=SYNC';
    const basyn = join(import.meta.dirname, '../../dist/basyn.cjs');
    const { status, stderr } = spawnSync(
      'unshare',
      [
        '--mount',
        'sh',
        '-c',
        script,
        'sh',
        file,
        mountPoint,
        process.execPath,
        basyn,
        join(content, 'a'),
        mountProgram,
      ],
      { encoding: 'utf8' },
    );
    expect(stderr).toContain(`may be the file that is mounted on ${mountPoint}`);
    expect(status).toBe(2);
  });
});

describe.skipIf(!isRoot)('a btrfs on two devices (needs root)', () => {
  function mountedBtrfs(): { first: string; second: string; mountPoint: string } {
    const [first, second] = [loopOver(fileOf(128 * MiB)), loopOver(fileOf(128 * MiB))];
    execFileSync('mkfs.btrfs', ['--quiet', '--data', 'raid1', '--metadata', 'raid1', first, second]);
    execFileSync('btrfs', ['device', 'scan', first, second]);
    return { first, second, mountPoint: mounted(first) };
  }

  it('is detected as mounted on both, as a target and as a source', async () => {
    const { first, second, mountPoint } = mountedBtrfs();
    for (const device of [first, second]) {
      const { code, message } = await failureOf(() => target(device));
      expect({ code, message }).toEqual({
        code: 'refused',
        message: expect.stringContaining(`mounted on ${mountPoint}`),
      });
      expect((await source(device)).warnings).toEqual([
        expect.stringContaining(`is mounted read-write on ${mountPoint}`),
      ]);
    }
  });

  it('shares storage with its files, including those of a subvolume, in both directions', async () => {
    const { first, second, mountPoint } = mountedBtrfs();
    execFileSync('btrfs', ['--quiet', 'subvolume', 'create', join(mountPoint, 'sub')]);
    for (const parent of [mountPoint, join(mountPoint, 'sub')]) {
      const file = fileOf(MiB, 'file', parent);
      for (const device of [first, second]) await expectSameStorage(file, device);
    }
    const { identity } = await source(second);
    const failure = await failureOf(() =>
      target(join(mountPoint, 'sub/new'), { missing: 'create', sourceIdentity: identity }),
    );
    expect(failure.message).toContain('is the same storage as the source');
  });

  it('does not share storage between its files', async () => {
    const { mountPoint } = mountedBtrfs();
    const { identity } = await source(fileOf(MiB, 'a', mountPoint));
    await target(fileOf(MiB, 'b', mountPoint), { sourceIdentity: identity });
  });
});

describe.skipIf(!isRoot)('an overlay (needs root)', () => {
  function overlay(): { lower: string; upper: string; merged: string } {
    const root = directory();
    const [lower, upper, work] = ['lo\\wer', 'up,per:1', 'work'].map((name) => join(root, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [lower, upper, work]) mkdirSync(path);
    fileOf(MiB, 'below', lower);
    fileOf(MiB, 'above', upper);
    fileOf(MiB, 'both', lower);
    fileOf(MiB, 'both', upper);
    const merged = join(root, 'merged');
    onTestFinished(mountOverlay(merged, { lower, upper, work }));
    return { lower, upper, merged };
  }

  it('shares the files of its layers', async () => {
    const { lower, upper, merged } = overlay();
    await expectSameStorage(join(merged, 'above'), join(upper, 'above'));
    await expectSameStorage(join(merged, 'both'), join(upper, 'both'));
    await expectSameStorage(join(merged, 'below'), join(lower, 'below'));
  });

  it('whose layers are not visible is not copied onto a file that may be in one of them', async () => {
    const { upper, merged } = overlay();
    // Another size: files that are made within a tick of the kernel's clock have the same times.
    fileOf(2 * MiB, 'other', upper);
    // As in a container: the names of the layers lead nowhere.
    renameSync(upper, `${upper}.moved`);
    for (const [from, to] of [
      [join(merged, 'above'), join(`${upper}.moved`, 'above')],
      [join(`${upper}.moved`, 'above'), join(merged, 'above')],
    ] as const) {
      const { identity } = await source(from);
      const failure = await failureOf(() => target(to, { sourceIdentity: identity, inUse: 'warn' }));
      expect(failure, `${from} to ${to}`).toMatchObject({
        code: 'refused',
        message: expect.stringContaining('may be the same storage as the source'),
      });
    }
    const { identity } = await source(join(merged, 'above'));
    const other = await target(join(`${upper}.moved`, 'other'), { sourceIdentity: identity });
    expect(other.warnings).toEqual([]);
    const device = await target(loopOver(fileOf(MiB)), { sourceIdentity: identity });
    expect(device.warnings).toEqual([expect.stringContaining('may be the same storage as the source')]);
  });

  it('does not share storage between different files', async () => {
    const { lower, merged } = overlay();
    const { identity } = await source(join(lower, 'both'));
    await target(join(merged, 'both'), { sourceIdentity: identity });
  });

  it('shares storage with one of its directories that is mounted elsewhere', async () => {
    const { upper, merged } = overlay();
    mkdirSync(join(merged, 'directory'));
    fileOf(MiB, 'file', join(merged, 'directory'));
    await expectSameStorage(
      join(mounted(join(merged, 'directory'), 'bind'), 'file'),
      join(upper, 'directory/file'),
    );
  });

  it('shares storage with the device below its upper directory, including for a file that does not exist yet', async () => {
    const device = loopOver(fileOf(16 * MiB));
    execFileSync('mkfs.ext4', ['-q', '-F', device]);
    const root = mounted(device);
    for (const name of ['upper', 'work', 'lower']) mkdirSync(join(root, name));
    const merged = join(directory(), 'merged');
    const layers = { lower: join(root, 'lower'), upper: join(root, 'upper'), work: join(root, 'work') };
    onTestFinished(mountOverlay(merged, layers));
    await expectSameStorage(fileOf(MiB, 'file', merged), device);
    const { identity } = await source(device);
    const failure = await failureOf(() =>
      target(join(merged, 'new'), { missing: 'create', sourceIdentity: identity }),
    );
    expect(failure.message).toContain('is the same storage as the source');
  });
});

describe.skipIf(!isRoot)('the same bytes (needs root)', () => {
  it('are recognised through a bind mount of the directory, and another device node', async () => {
    const parent = directory();
    const file = fileOf(MiB, 'file', parent);
    await expectSameStorage(file, join(mounted(parent, 'bind'), 'file'));
    const device = loopOver(file);
    const { rdev } = statSync(device);
    const node = join(directory(), 'node');
    execFileSync('mknod', [node, 'b', String(rdev >> 8), String(rdev & 0xff)]);
    await expectSameStorage(device, node);
    const link = join(directory(), 'link');
    symlinkSync(node, link);
    chmodSync(parent, 0o700);
    await expectSameStorage(file, link);
  });
});
