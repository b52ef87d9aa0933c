import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, constants, copyFileSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openInspected, type Place } from '../../src/device/open.ts';
import { mountView } from '../support/fuse-view.ts';
import { isRoot, mountOverlay } from '../support/loop-device.ts';
import { directory, failureOf, fileOf, MiB, source, target } from './devices.fixture.ts';

describe('a path that leads to another file between inspection and opening', () => {
  const place = (path: string): Place => ({ side: 'local', hosts: 'two', role: 'source', path });

  it('is refused', async () => {
    const seen = statSync(fileOf(10), { bigint: true });
    const { code, message } = await failureOf(() =>
      openInspected(place(fileOf(10)), seen, constants.O_RDONLY),
    );
    expect(code).toBe('device');
    expect(message).toContain('was replaced by something else');
  });

  it('does not hang if the other file is a pipe', async () => {
    const seen = statSync(fileOf(10), { bigint: true });
    const pipe = join(directory(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const { message } = await failureOf(() => openInspected(place(pipe), seen, constants.O_RDONLY));
    expect(message).toContain('was replaced by something else');
  });
});

/** Returns what a child prints first. The child is ended after the test. */
async function startPython(program: string, ...args: string[]): Promise<void> {
  const child = spawn('/usr/bin/python3', ['-c', program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  await once(child.stdout, 'data');
}

describe('a file on which another process holds a lease, as Samba does', () => {
  const lease = `
import fcntl, os, signal, sys, time
fd = os.open(sys.argv[1], os.O_RDONLY)
breaks = []
signal.signal(signal.SIGIO, lambda *_: breaks.append(1))
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
print("held", flush=True)
while not breaks: time.sleep(0.05)
time.sleep(1)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
time.sleep(60)`;

  it.each(['write', 'dry run'] as const)('is opened when the lease is released: %s', async (purpose) => {
    const file = fileOf(10);
    await startPython(lease, file);
    expect((await target(file, { purpose })).warnings).toEqual([]);
  });
});

describe.skipIf(!isRoot)('a dry run fails where the real run would (needs root)', () => {
  it.each(['write', 'dry run'] as const)('on an append-only file: %s', async (purpose) => {
    const file = fileOf(10);
    execFileSync('chattr', ['+a', file]);
    onTestFinished(() => void execFileSync('chattr', ['-a', file]));
    const { message } = await failureOf(() => target(file, { purpose }));
    expect(message).toBe(
      `remote target ${file} can't be opened for writing: operation not permitted (EPERM).`,
    );
  });

  it.each(['write', 'dry run'] as const)('on a running program: %s', async (purpose) => {
    const file = join(directory(), 'program');
    copyFileSync('/bin/sleep', file);
    chmodSync(file, 0o755);
    const child = spawn(file, ['60']);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'spawn');
    const { message } = await failureOf(() => target(file, { purpose }));
    expect(message).toContain('(ETXTBSY)');
  });

  it('but does not copy a file of an overlay to its upper directory', async () => {
    const root = directory();
    const [lower, upper, work] = [join(root, 'lower'), join(root, 'upper'), join(root, 'work')];
    for (const path of [lower, upper, work]) mkdirSync(path);
    fileOf(MiB, 'file', lower);
    onTestFinished(mountOverlay(join(root, 'merged'), { lower, upper, work }));
    await target(join(root, 'merged/file'), { purpose: 'dry run' });
    expect(readdirSync(upper)).toEqual([]);
  });
});

describe.skipIf(!isRoot)('a file system whose inode numbers change (needs root)', () => {
  async function mountRestless(): Promise<string> {
    const [below, mountPoint] = [directory(), directory()];
    fileOf(MiB, 'a', below);
    fileOf(MiB, 'b', below);
    await mountView('restless.py', below, mountPoint);
    return mountPoint;
  }
  const what = expect.stringContaining('is on a file system whose inode numbers change') as unknown;

  it('can be a source and a target, with a warning', async () => {
    const mountPoint = await mountRestless();
    const { identity, warnings } = await source(join(mountPoint, 'a'));
    expect(warnings).toEqual([what]);
    const elsewhere = await target(fileOf(MiB), { sourceIdentity: identity });
    expect(elsewhere.warnings).toEqual([]);
    const other = await source(fileOf(MiB));
    const back = await target(join(mountPoint, 'b'), { sourceIdentity: other.identity });
    expect(back.warnings).toEqual([what]);
  });

  it('is refused for both source and target, because two of its files cannot be distinguished', async () => {
    const mountPoint = await mountRestless();
    const { identity } = await source(join(mountPoint, 'a'));
    for (const name of ['a', 'b']) {
      const failure = await failureOf(() =>
        target(join(mountPoint, name), { sourceIdentity: identity, inUse: 'warn' }),
      );
      expect(failure).toMatchObject({
        code: 'refused',
        message: expect.stringContaining('may be the same storage as the source'),
      });
    }
  });
});

describe('a path that is refused', () => {
  it('leaves no descriptor open', async () => {
    const file = fileOf(10);
    const { identity } = await source(file);
    const first = await target(file);
    const openBefore = descriptors();
    await failureOf(() => target(file));
    await first.close();
    await failureOf(() => target(file, { sourceSizeBytes: 11 }));
    await failureOf(() => target(file, { sourceIdentity: identity }));
    await failureOf(() =>
      target(join(directory(), 'new'), { missing: 'create', sourceSizeBytes: 2 ** 53 - 1 }),
    );
    expect(descriptors()).toBe(openBefore - 1);
  });
});

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
