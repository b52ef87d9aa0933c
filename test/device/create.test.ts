import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTarget, planCreation } from '../../src/device/create.ts';
import type { OpenedDevice } from '../../src/device/device.ts';
import { readFully, writeFully } from '../../src/device/range-io.ts';
import { isRoot } from '../support/loop-device.ts';
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
  target,
} from './devices.fixture.ts';

const GiB = 1024 * MiB;

describe('a target that is created', () => {
  it('is a sparse file of the source’s size, accessible only to its owner, and locked', async () => {
    const path = join(directory(), 'new.img');
    const { handle, created, warnings, identity } = await create(path, 3 * GiB + 1);
    expect({ created, warnings, path: handle.path }).toEqual({ created: true, warnings: [], path });
    const stats = statSync(path);
    expect({ size: stats.size, blocks: stats.blocks, mode: stats.mode & 0o777 }).toEqual({
      size: 3 * GiB + 1,
      blocks: 0,
      mode: 0o600,
    });
    writeFully(handle, 3 * GiB, Buffer.from('x'));
    expect(await failureOf(() => target(path))).toMatchObject({ code: 'refused' });
    expect((await source(path)).identity.regions).toEqual(identity.regions);
  });

  it('may be empty', async () => {
    const path = join(directory(), 'new.img');
    expect((await create(path, 0)).handle.sizeBytes).toBe(0);
    expect(statSync(path).size).toBe(0);
  });

  it('remains if the run fails, and the next run continues with it', async () => {
    const path = join(directory(), 'new.img');
    const first = await create(path, MiB);
    await first.close();
    const { created, handle } = await create(path, MiB);
    expect({ created, size: handle.sizeBytes }).toEqual({ created: false, size: MiB });
  });

  it('does not replace an existing file that is too small', async () => {
    const file = fileWith(Buffer.from('data'));
    expect(await failureOf(() => create(file, MiB))).toMatchObject({ code: 'refused' });
    expect(readFileSync(file, 'utf8')).toBe('data');
  });

  it.each(['write', 'dry run'] as const)('needs an existing directory: %s', async (purpose) => {
    const path = join(directory(), 'gone', 'new.img');
    const { message } = await failureOf(() => create(path, MiB, purpose));
    expect(message).toContain(`can't be created: the directory ${join(path, '..')} does not exist.`);
  });

  it.each(['write', 'dry run'] as const)(
    'is not created through a dangling symbolic link: %s',
    async (purpose) => {
      const link = join(directory(), 'link');
      symlinkSync('nowhere', link);
      const { message } = await failureOf(() => create(link, MiB, purpose));
      expect(message).toBe(`remote target ${link} is a symbolic link to nowhere, which does not exist.`);
      expect(existsSync(join(link, '..', 'nowhere'))).toBe(false);
    },
  );

  it.each(['write', 'dry run'] as const)(
    'is never created in /dev, whatever form the path has: %s',
    async (purpose) => {
      const name = `basyn-test-${process.pid}`;
      onTestFinished(() => rmSync(`/dev/${name}`, { force: true }));
      const link = join(directory(), 'devices');
      symlinkSync('/dev', link);
      for (const path of [
        `/dev/${name}`,
        `/dev/../dev/./${name}`,
        join(link, name),
        relativeTo(`/dev/${name}`),
      ]) {
        expect(await failureOf(() => create(path, MiB, purpose))).toMatchObject({
          code: 'refused',
          message: expect.stringContaining('is not created under /dev'),
        });
      }
      expect(existsSync(`/dev/${name}`)).toBe(false);
    },
  );

  it.skipIf(!isRoot)('is never created in a second mount of /dev (needs root)', async () => {
    const path = join(mounted('/dev', 'bind'), `basyn-test-${process.pid}`);
    onTestFinished(() => rmSync(`/dev/${basename(path)}`, { force: true }));
    expect(await failureOf(() => create(path, MiB))).toMatchObject({ code: 'refused' });
    expect(existsSync(path)).toBe(false);
  });

  it('may be created on a separate file system below /dev', async () => {
    const parent = directory('/dev/shm');
    expect((await create(join(parent, 'new.img'), MiB)).created).toBe(true);
  });

  it('leaves no file behind if the file system does not support files of that size', async () => {
    const parent = directory();
    const { code, message } = await failureOf(() => create(join(parent, 'new.img'), Number.MAX_SAFE_INTEGER));
    expect(code).toBe('device');
    expect(message).toMatch(/can't be created: .*\(EFBIG\)\.$/);
    expect(readdirSync(parent)).toEqual([]);
  });

  it.skipIf(!isRoot)('is not created without permission (needs root, to change the user)', async () => {
    const parent = directory();
    chmodSync(parent, 0o555);
    const { message } = await asNobody(() => failureOf(() => create(join(parent, 'new.img'), MiB)));
    expect(message).toContain("can't be created: permission denied (EACCES).");
  });

  it('never replaces a file that appeared in the meantime', async () => {
    const path = join(directory(), 'new.img');
    const plan = planCreation({ side: 'remote', hosts: 'two', role: 'target', path }, MiB);
    writeFileSync(path, 'data');
    expect(await failureOf(() => createTarget(plan, 'warn'))).toMatchObject({ code: 'device' });
    expect(readFileSync(path, 'utf8')).toBe('data');
  });

  it.skipIf(!isRoot)(
    'cannot be created on a read-only file system, and a dry run reports that (needs root)',
    async () => {
      const device = loopOver(fileOf(8 * MiB));
      makeFileSystem(device);
      const path = join(mounted(device, 'ro'), 'new.img');
      const { message } = await failureOf(() => create(path, MiB, 'dry run'));
      expect(message).toContain("can't be created: read-only file system or device (EROFS).");
    },
  );

  it('is durable: its size is flushed first, then its name in the directory', () => {
    const parent = directory();
    const trace = join(parent, 'trace');
    const path = join(parent, 'new.img');
    const module = fileURLToPath(new URL('../../src/device/device.ts', import.meta.url));
    const program = `
      import { openTarget } from ${JSON.stringify(module)};
      await openTarget(${JSON.stringify(path)}, {
        side: 'local', hosts: 'two', sourceSizeBytes: 5, missing: 'create', inUse: 'refuse', purpose: 'write',
      });`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', program];
    execFileSync('strace', ['-f', '-y', '-e', 'trace=ftruncate,fsync', '-o', trace, ...node]);
    const calls = wholeCalls(readFileSync(trace, 'utf8')).filter((call) =>
      /^(ftruncate|fsync)\(\d+<[^>]*>.*= 0$/.test(call),
    );
    expect(calls.map((call) => call.replace(/\d+</, '<'))).toEqual([
      `ftruncate(<${path}>, 5) = 0`,
      expect.stringContaining(`fsync(<${path}>)`),
      expect.stringContaining(`fsync(<${parent}>)`),
    ]);
  });

  it.skipIf(!isRoot)('can be created in a directory that cannot be read (needs root)', async () => {
    const parent = directory('/dev/shm');
    chmodSync(parent, 0o300);
    chownSync(parent, 65534, 65534);
    const path = join(parent, 'new.img');
    const { created, warnings } = await asNobody(() => create(path, MiB));
    expect({ created, warnings, size: statSync(path).size }).toEqual({
      created: true,
      warnings: [],
      size: MiB,
    });
  });

  it.each([
    ['cannot be flushed', 'EINVAL', /^$/],
    [
      'fails to be flushed',
      'EIO',
      /^local target .* was created, but its name can't be made durable: input\/output error \(EIO\)\. do-not-create$/,
    ],
  ])('in a directory that %s', (_what, code, message) => {
    const path = join(directory(), 'new.img');
    const module = fileURLToPath(new URL('../../src/device/device.ts', import.meta.url));
    const program = `
      import { openTarget } from ${JSON.stringify(module)};
      const options = { side: 'local', hosts: 'two', sourceSizeBytes: 5, missing: 'create', inUse: 'refuse', purpose: 'write' };
      await openTarget(${JSON.stringify(path)}, options).catch((error) => console.log(error.message, error.remedy));`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', program];
    // The second flush is that of the directory.
    const inject = ['-f', '-e', 'trace=fsync', '-e', `inject=fsync:error=${code}:when=2`, '-o', '/dev/null'];
    expect(execFileSync('strace', [...inject, ...node], { encoding: 'utf8' }).trim()).toMatch(message);
    expect(statSync(path).size).toBe(5);
  });

  it('is not removed after a failure if another program has replaced it', async () => {
    const path = join(directory(), 'new.img');
    const module = fileURLToPath(new URL('../../src/device/create.ts', import.meta.url));
    const program = `
      import { renameSync, writeFileSync } from 'node:fs';
      import { createTarget, planCreation } from ${JSON.stringify(module)};
      const place = { side: 'local', hosts: 'two', role: 'target', path: ${JSON.stringify(path)} };
      const creating = createTarget(planCreation(place, 5), 'refuse').catch((error) => console.log(error.message));
      writeFileSync(place.path + '.other', 'precious');
      renameSync(place.path + '.other', place.path);
      await creating;`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', program];
    const inject = ['-f', '-e', 'trace=ftruncate', '-e', 'inject=ftruncate:error=ENOSPC', '-o', '/dev/null'];
    expect(execFileSync('strace', [...inject, ...node], { encoding: 'utf8' })).toContain('(ENOSPC)');
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  it.skipIf(!isRoot)('is not created on a file system on the source (needs root)', async () => {
    const device = loopOver(fileOf(8 * MiB));
    makeFileSystem(device);
    const mountPoint = mounted(device);
    const { identity } = await source(device);
    const path = join(mountPoint, 'new.img');
    const failure = await failureOf(() => target(path, { missing: 'create', sourceIdentity: identity }));
    expect(failure.message).toContain('is the same storage as the source');
    expect(existsSync(path)).toBe(false);
  });
});

describe('a dry run that would create its target', () => {
  it('creates nothing, reports that, and reads zeros in place of the file', async () => {
    const path = join(directory(), 'new.img');
    const { handle, created, warnings } = await create(path, 5 * GiB, 'dry run');
    expect({ created, warnings }).toEqual({
      created: false,
      warnings: [`remote target ${path} would be created.`],
    });
    expect(handle).toMatchObject({ kind: 'regular file', sizeBytes: 5 * GiB });
    const end = Buffer.alloc(4, 'x');
    readFully(handle, 5 * GiB - 4, end);
    expect(end).toEqual(Buffer.alloc(4));
    expect(existsSync(path)).toBe(false);
  });
});

function create(
  path: string,
  sourceSizeBytes: number,
  purpose: 'write' | 'dry run' = 'write',
): Promise<OpenedDevice> {
  return target(path, { missing: 'create', sourceSizeBytes, purpose });
}

/** A relative path has no slash if the current directory is that of the file. */
function relativeTo(path: string): string {
  const previous = process.cwd();
  onTestFinished(() => process.chdir(previous));
  process.chdir(join(path, '..'));
  return basename(path);
}

/** The calls of a trace in the order of their ends. strace cuts one in two if another thread runs meanwhile. */
function wholeCalls(log: string): string[] {
  const begun = new Map<string, string>();
  return log.split('\n').flatMap((line) => {
    const [, thread = '', text = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const beginning = /^(.*) <unfinished \.\.\.>$/.exec(text)?.[1];
    if (beginning !== undefined) {
      begun.set(thread, beginning);
      return [];
    }
    const end = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)?.[1];
    return [end === undefined ? text : `${begun.get(thread)}${end}`];
  });
}
