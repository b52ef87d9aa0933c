import {
  closeSync,
  fstatSync,
  linkSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { reachAllowed } from '../../src/device/allowed-paths.ts';
import {
  checkTargetAtEnd,
  openSource,
  openTarget,
  sourceChanges,
  startStateOf,
} from '../../src/device/device.ts';
import type { Place } from '../../src/device/open.ts';
import type { Reach } from '../../src/device/reach.ts';
import { BasynError } from '../../src/errors.ts';
import { isRoot } from '../support/loop-device.ts';
import { directory, failureOf, fileOf, fileWith, loopOver, MiB, writing } from './devices.fixture.ts';

/** Descriptors stay open until the process ends: an agent serves one device. */
const reached: Reach[] = [];

afterEach(() => {
  for (const { systemPath } of reached.splice(0))
    closeSync(Number(/^\/proc\/self\/fd\/(\d+)/.exec(systemPath)![1]));
});

function placeAt(path: string): Place {
  return { side: 'remote', hosts: 'two', role: 'target', path };
}

function reach(path: string, ...allowed: string[]): Reach {
  const found = reachAllowed(placeAt(path), allowed);
  reached.push(found);
  return found;
}

function inodeOf({ systemPath }: Reach): number {
  return fstatSync(Number(systemPath.split('/')[4])).ino;
}

function refusalOf(path: string, ...allowed: string[]): string {
  try {
    reach(path, ...allowed);
  } catch (error) {
    if (error instanceof BasynError) return `${error.code}: ${error.message.replaceAll(path, 'PATH')}`;
    throw error;
  }
  return 'allowed';
}

const notAllowed = 'refused: remote target PATH is not one of the paths that this key may use.';

/** A directory "allowed" with a file, beside a directory "secret" with another one. */
function tree(): {
  readonly root: string;
  readonly allowed: string;
  readonly file: string;
  readonly secret: string;
} {
  const root = directory();
  const allowed = join(root, 'allowed');
  mkdirSync(allowed);
  mkdirSync(join(root, 'secret'));
  const file = fileWith(Buffer.from('ours'), 'disk.img', allowed);
  const secret = fileWith(Buffer.from('secret'), 'disk.img', join(root, 'secret'));
  return { root, allowed, file, secret };
}

describe('a path that is allowed', () => {
  it('is the file that is named, or one below a directory that is named', () => {
    const { allowed, file } = tree();
    const inode = inodeOf(reach(file, file));
    expect(inodeOf(reach(file, allowed))).toBe(inode);
    expect(inodeOf(reach(`${allowed}//./disk.img`, `${allowed}/`))).toBe(inode);
    expect(inodeOf(reach(file, '/'))).toBe(inode);
  });

  it('may be named by a link, as volumes are, and may be another name of what is named', () => {
    const { root, allowed, file } = tree();
    symlinkSync(file, join(root, 'volume'));
    symlinkSync('allowed', join(root, 'also'));
    const inode = inodeOf(reach(file, file));
    expect(inodeOf(reach(join(root, 'volume'), join(root, 'volume')))).toBe(inode);
    expect(inodeOf(reach(join(root, 'also/disk.img'), join(root, 'also')))).toBe(inode);
    expect(inodeOf(reach(file, join(root, 'volume')))).toBe(inode);
    expect(refusalOf(join(allowed, 'other'), join(root, 'volume'))).toBe(notAllowed);
  });

  it('may contain links that stay within what is allowed', () => {
    const { allowed, file, secret } = tree();
    symlinkSync('disk.img', join(allowed, 'relative'));
    symlinkSync(file, join(allowed, 'absolute'));
    mkdirSync(join(allowed, 'sub'));
    symlinkSync('../disk.img', join(allowed, 'sub/up'));
    symlinkSync(secret, join(allowed, 'other'));
    const inode = inodeOf(reach(file, file));
    for (const name of ['relative', 'absolute', 'sub/up'])
      expect(inodeOf(reach(join(allowed, name), allowed))).toBe(inode);
    expect(inodeOf(reach(join(allowed, 'other'), allowed, secret))).toBe(inodeOf(reach(secret, secret)));
  });

  it('may be missing below a directory that is named, and is created there', async () => {
    const { allowed } = tree();
    const path = join(allowed, 'new.img');
    const options = {
      ...writing,
      reach: reach(path, allowed),
      sourceSizeBytes: MiB,
      missing: 'create',
    } as const;
    const { handle, close } = await openTarget(path, options);
    expect(handle).toMatchObject({ path, sizeBytes: MiB });
    expect(readlinkSync(`/proc/self/fd/${handle.fd}`)).toBe(path);
    await close();
  });

  it('is reported as missing where it is', () => {
    const { allowed, root } = tree();
    expect(refusalOf(join(allowed, 'no/new.img'), allowed)).toMatch(
      /the directory .*allowed\/no does not exist/,
    );
    expect(refusalOf(join(root, 'no'), join(root, 'no'))).toBe('device: remote target PATH does not exist.');
    expect(refusalOf(join(allowed, 'disk.img/x'), allowed)).toMatch(/a part of the path is not a directory/);
  });
});

describe('a path that is not allowed', () => {
  it('gets the same answer whether it exists or not', () => {
    const { root, allowed, file, secret } = tree();
    symlinkSync(secret, join(allowed, 'out'));
    symlinkSync('/nonexistent/x', join(allowed, 'dangling'));
    symlinkSync(join(root, 'secret'), join(allowed, 'directory'));
    symlinkSync('/nonexistent', join(allowed, 'no-directory'));
    symlinkSync('loop', join(allowed, 'loop'));
    symlinkSync('sub/../disk.img', join(allowed, 'inner'));
    const paths = [
      secret,
      join(root, 'nothing'),
      `${root}/allowed-not`,
      root,
      '/',
      '/etc/shadow',
      '/proc/self/root/etc/shadow',
      `/proc/self/root${file}`,
      '/proc/self/fd/0',
      `/proc/${process.pid}/cwd`,
      '/dev/fd/0',
      `${allowed}/../secret/disk.img`,
      `${allowed}/../allowed/disk.img`,
      `${allowed}/..`,
      `${allowed}/disk.img\0`,
      'disk.img',
      ...[
        'out',
        'dangling',
        'directory',
        'directory/disk.img',
        'directory/no',
        'no-directory/x',
        'loop',
        'inner',
      ].map((name) => join(allowed, name)),
    ];
    expect(paths.map((path) => [path, refusalOf(path, allowed)])).toEqual(
      paths.map((path) => [path, notAllowed]),
    );
  });

  it('gets the same answer if another path that is allowed can not be examined', () => {
    const { allowed, file, secret } = tree();
    const loop = join(allowed, 'loop');
    symlinkSync('loop', loop);
    expect(refusalOf(secret, loop)).toBe(notAllowed);
    expect(inodeOf(reach(file, loop, allowed))).toBe(inodeOf(reach(file, file)));
    expect(refusalOf(loop, loop)).toMatch(/^device: .* can't be opened: too many symbolic links/);
  });

  it('is another name of a directory above what is allowed', () => {
    const { file, allowed } = tree();
    expect(refusalOf(allowed, file)).toBe(notAllowed);
    expect(refusalOf(`${file}.other`, file)).toBe(notAllowed);
  });
});

describe('what is replaced after the check', () => {
  it('does not lead elsewhere: a file, by a link', async () => {
    const { file, allowed, secret } = tree();
    const found = reach(file, allowed);
    renameSync(file, join(allowed, 'moved'));
    symlinkSync(secret, file);
    const location = { side: 'remote', hosts: 'two', reach: found } as const;
    const { handle, close } = await openSource(file, location);
    expect(handle.sizeBytes).toBe('ours'.length);
    expect(readlinkSync(`/proc/self/fd/${handle.fd}`)).toBe(join(allowed, 'moved'));
    await close();
    const opened = await openTarget(file, { ...writing, reach: found });
    expect(readlinkSync(`/proc/self/fd/${opened.handle.fd}`)).toBe(join(allowed, 'moved'));
    await opened.close();
  });

  it('does not lead elsewhere: a name that was missing, by a link to a file or to nothing', async () => {
    const { root, allowed, secret } = tree();
    for (const target of [secret, join(root, 'created')]) {
      const path = join(allowed, 'new.img');
      const found = reach(path, allowed);
      symlinkSync(target, path);
      const options = {
        ...writing,
        reach: found,
        sourceSizeBytes: MiB,
        missing: 'create',
        inUse: 'warn',
      } as const;
      expect(await failureOf(() => openTarget(path, options))).toMatchObject({ code: 'device' });
      expect(
        await failureOf(() => openSource(path, { side: 'remote', hosts: 'two', reach: found })),
      ).toMatchObject({
        message: expect.stringContaining('does not exist') as string,
      });
      rmSync(path);
    }
    expect(refusalOf(join(root, 'created'), root)).toBe('allowed');
    expect(reach(join(root, 'created'), root).kind).toBe('missing');
  });

  it('does not lead elsewhere: the directory of a file that is created, by a link', async () => {
    const { root, allowed } = tree();
    mkdirSync(join(allowed, 'sub'));
    const path = join(allowed, 'sub/new.img');
    const found = reach(path, allowed);
    renameSync(join(allowed, 'sub'), join(allowed, 'moved'));
    symlinkSync(join(root, 'secret'), join(allowed, 'sub'));
    const options = { ...writing, reach: found, sourceSizeBytes: MiB, missing: 'create' } as const;
    const { handle, close } = await openTarget(path, options);
    expect(readlinkSync(`/proc/self/fd/${handle.fd}`)).toBe(join(allowed, 'moved/new.img'));
    await close();
    expect(reach(join(root, 'secret/new.img'), root).kind).toBe('missing');
  });

  it('is reported at the end of the run, with the same words wherever the path leads then', async () => {
    const { root, file, allowed, secret } = tree();
    const { handle, close } = await openTarget(file, { ...writing, reach: reach(file, allowed) });
    const start = startStateOf(handle);
    checkTargetAtEnd(handle, start, 'refuse');
    expect(sourceChanges(handle, start)).toEqual([]);
    renameSync(file, join(allowed, 'moved'));
    for (const target of [secret, join(root, 'nothing')]) {
      symlinkSync(target, file);
      const { message } = await failureOf(() => checkTargetAtEnd(handle, start, 'refuse'));
      expect(message).toMatch(/ was removed or replaced during the run: /);
      expect(sourceChanges(handle, start).join()).toMatch(/ was removed or replaced during the run: /);
      rmSync(file);
    }
    writeFileSync(file, 'another file');
    expect(await failureOf(() => checkTargetAtEnd(handle, start, 'refuse'))).toMatchObject({
      code: 'device',
    });
    await close();
  });

  it('does not lead elsewhere: everything at once, replaced by another thread all the time', async () => {
    const { root, allowed, file, secret } = tree();
    mkdirSync(join(allowed, 'sub'));
    linkSync(file, join(allowed, 'sub/disk.img'));
    const secretInode = inodeOf(reach(secret, secret));
    const worker = new Worker(
      `const { renameSync, symlinkSync } = require('node:fs');
       const [root] = process.argv.slice(2);
       symlinkSync(root + '/secret', root + '/link');
       symlinkSync(root + '/secret/disk.img', root + '/file-link');
       const swap = (a, b) => { renameSync(a, root + '/aside'); renameSync(b, a); renameSync(root + '/aside', b); };
       require('node:worker_threads').parentPort.postMessage('ready');
       for (;;) {
         swap(root + '/allowed/sub', root + '/link');
         swap(root + '/allowed/disk.img', root + '/file-link');
       }`,
      { eval: true, argv: [root] },
    );
    await once(worker, 'message');
    let foundCount = 0;
    let refusedCount = 0;
    const endMs = Date.now() + 1000;
    const hasBoth = (): boolean => foundCount > 0 && refusedCount > 0;
    while (Date.now() < endMs || (!hasBoth() && Date.now() < endMs + 15_000)) {
      for (const path of [join(allowed, 'sub/disk.img'), file]) {
        try {
          const found = reachAllowed(placeAt(path), [allowed]);
          const fd = Number(found.systemPath.split('/')[4]);
          expect(fstatSync(fd).ino).not.toBe(secretInode);
          if (found.kind === 'missing')
            expect(readlinkSync(`/proc/self/fd/${fd}`)).not.toBe(join(root, 'secret'));
          closeSync(fd);
          foundCount += 1;
        } catch (error) {
          if (!(error instanceof BasynError)) throw error;
          refusedCount += 1;
        }
      }
    }
    await worker.terminate();
    expect(hasBoth()).toBe(true);
  });
});

it.runIf(isRoot)('a block device is claimed through its reach as by its path', async () => {
  const loop = loopOver(fileOf(MiB));
  const found = reach(loop, loop);
  const options = { ...writing, reach: found } as const;
  const { handle, close } = await openTarget(loop, options);
  expect(handle).toMatchObject({ kind: 'block device', path: loop, sizeBytes: MiB });
  expect(await failureOf(() => openTarget(loop, options))).toMatchObject({
    code: 'refused',
    remedy: 'force',
  });
  await close();
});

it('a link to a missing name that is not UTF-8 is refused', () => {
  const { allowed } = tree();
  const name = Buffer.from([0xff, 0x2e]);
  writeFileSync(Buffer.concat([Buffer.from(`${allowed}/`), name]), 'x');
  symlinkSync(name, join(allowed, 'link'));
  // The file exists, and its descriptor leads to it whatever its name is.
  expect(reach(join(allowed, 'link'), allowed).kind).toBe('existing');
  symlinkSync(Buffer.from([0xfe]), join(allowed, 'nothing'));
  expect(refusalOf(join(allowed, 'nothing'), allowed)).toBe(notAllowed);
});
