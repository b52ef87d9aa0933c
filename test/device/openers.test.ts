import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bounds } from '../../src/limits.ts';
import { isRoot } from '../support/loop-device.ts';
import {
  directory,
  failureOf,
  fileOf,
  loopOver,
  MiB,
  mounted,
  source,
  target,
  writing,
} from './devices.fixture.ts';

/** A process that does its work, reports that, and then waits. It is ended after the test. */
async function startHolder(file: string, args: readonly string[], input = ''): Promise<() => Promise<void>> {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(end);
  child.stdin.write(input);
  await once(child.stdout, 'data');
  // A recent walk over the processes, which is still valid, may not have seen a process that opened a file just now.
  await sleep(bounds.briefOpeningMs);
  return end;
}

const holdingOpen = (redirection: string, path: string): Promise<() => Promise<void>> =>
  startHolder('sh', ['-c', `exec 7${redirection}"$0"; echo open; read _`, path]);

async function expectOpenFor(path: string): Promise<void> {
  const what = /is open for writing in process \d+ \(sh\)/;
  const { code, message } = await failureOf(() => target(path));
  expect({ code, message }).toEqual({ code: 'refused', message: expect.stringMatching(what) });
  expect((await failureOf(() => target(path, { purpose: 'dry run' }))).message).toMatch(what);
  expect((await source(path)).warnings).toEqual([expect.stringMatching(what)]);
  const forced = await target(path, { inUse: 'warn' });
  expect(forced.warnings).toEqual([
    expect.stringMatching(/is open for writing .*, but writing to it is allowed/),
  ]);
  await forced.close();
}

describe('a file that another process has open for writing', () => {
  it('is in use by it, under any name, until it is closed', async () => {
    const file = fileOf(MiB);
    linkSync(file, `${file}.link`);
    const end = await holdingOpen('<>', file);
    await expectOpenFor(`${file}.link`);
    await end();
    await target(file);
  });

  it('is not in use by a process that only reads it or that has another file open', async () => {
    const file = fileOf(MiB);
    await holdingOpen('<', file);
    await holdingOpen('<>', fileOf(MiB));
    expect((await source(file)).warnings).toEqual([]);
    expect((await target(file)).warnings).toEqual([]);
  });

  it('is not in use if it is closed within the waiting time, because programs that watch files open them briefly', async () => {
    const file = fileOf(MiB);
    const end = await holdingOpen('<>', file);
    const opening = target(file);
    await sleep(bounds.briefOpeningMs / 2);
    await end();
    expect((await opening).warnings).toEqual([]);
  });

  it.skipIf(!isRoot)('is not visible without privileges, and a note reports that (needs root)', () => {
    const file = fileOf(MiB, 'disk.img', directory('/dev/shm'));
    const module = fileURLToPath(new URL('../../src/device/device.ts', import.meta.url));
    const program = `
      import { openTarget } from ${JSON.stringify(module)};
      const options = ${JSON.stringify({ ...writing, side: 'local' })};
      console.log((await openTarget(${JSON.stringify(file)}, options)).notes.join());`;
    // Root without capabilities may still ask losetup about loop devices of other tests. Another user may not, and would
    // be refused while there are any.
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', program];
    const notes = execFileSync('setpriv', ['--bounding-set=-all', ...node], { encoding: 'utf8' });
    expect(notes).toMatch(/open files of \d+ other processes: permission denied/);
  });
});

describe.skipIf(!isRoot)('a block device that another process has open for writing (needs root)', () => {
  it('is in use by it, including through the file below', async () => {
    const file = fileOf(MiB);
    const device = loopOver(file);
    const end = await holdingOpen('<>', device);
    await expectOpenFor(device);
    await end();
    await holdingOpen('<>', file);
    await expectOpenFor(device);
  });
});

describe.skipIf(!isRoot)('an image that QEMU uses (needs root)', () => {
  const qemu = (path: string, ...options: string[]): Promise<() => Promise<void>> =>
    startHolder('qemu-io', ['-f', 'raw', ...options, path], 'length\n');
  const what = /is locked by a QEMU virtual machine or tool/;

  it('is in use even if QEMU only reads it', async () => {
    const file = fileOf(MiB);
    const end = await qemu(file, '-r');
    expect(await failureOf(() => target(file))).toMatchObject({
      code: 'refused',
      message: expect.stringMatching(what),
    });
    expect((await source(file)).warnings).toEqual([]);
    await end();
    await target(file);
  });

  it('is in use if QEMU writes to it, which causes a warning for a source, including on btrfs', async () => {
    const device = loopOver(fileOf(128 * MiB));
    execFileSync('mkfs.btrfs', ['--quiet', device]);
    for (const parent of [directory(), mounted(device)]) {
      const file = fileOf(MiB, 'disk.img', parent);
      const end = await qemu(file);
      expect((await failureOf(() => target(file))).message).toMatch(what);
      expect((await source(file)).warnings).toContainEqual(expect.stringMatching(what));
      await end();
    }
  });
});
