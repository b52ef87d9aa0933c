import { copyFileSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deviceNumber } from '../../src/device/block-device.ts';
import { KernelView } from '../../src/device/kernel-view.ts';
import { isSameStorage, lastingIdentityOf, type LastingIdentity } from '../../src/device/lasting-identity.ts';
import { attachLoop, isRoot, mount } from '../support/loop-device.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';
import { directory, fileOf, loopOver, makeFileSystem, MiB, source, target } from './devices.fixture.ts';
import { makeFakeSys } from './sys.fixture.ts';

const known: LastingIdentity = { bootId: 'a', withinBoot: 'block 8:0 sequence 3', lasting: 'wwid 5' };
const rebooted = { ...known, bootId: 'b', withinBoot: 'block 8:16 sequence 2' };

describe('the comparison of two identities', () => {
  it.each([
    ['same', known, known],
    ['same', known, rebooted],
    ['same', known, { ...known, withinBoot: 'block 8:16 sequence 9' }],
    ['same', { ...known, lasting: '' }, { ...known, lasting: '' }],
    ['different', known, { ...rebooted, lasting: 'wwid 6' }],
    ['different', { ...known, lasting: '' }, { ...known, lasting: '', withinBoot: 'block 8:0 sequence 4' }],
    ['unknown', { ...known, lasting: '' }, { ...rebooted, lasting: '' }],
    ['unknown', known, { ...rebooted, lasting: '' }],
    ['unknown', { ...known, lasting: '', withinBoot: '' }, { ...known, lasting: '', withinBoot: '' }],
    ['unknown', { ...known, lasting: '', bootId: '' }, { ...known, lasting: '', bootId: '' }],
  ] as const)('is "%s" for %j and %j', (answer, a, b) => {
    expect(isSameStorage(a, b)).toBe(answer);
    expect(isSameStorage(b, a)).toBe(answer);
  });
});

describe('the identity of a file', () => {
  it('is the same when it is opened again, and another one when the file was replaced', async () => {
    const path = fileOf(4096);
    const first = await identityAt(path);
    expect(isSameStorage(first, await identityAt(path))).toBe('same');
    copyFileSync(path, `${path}.new`);
    renameSync(`${path}.new`, path);
    expect(isSameStorage(first, await identityAt(path))).toBe('different');
  });

  it('does not outlast a boot in memory', async () => {
    const inMemory = await identityAt(fileOf(4096, 'x', scratchDirectory(memoryDirectory)));
    expect(inMemory).toMatchObject({ lasting: '', withinBoot: expect.stringMatching(/^file /) });
  });
});

describe.skipIf(!isRoot)('the identity of real storage (needs root)', () => {
  it('outlasts a boot for a file on a file system that is mounted from another device number', async () => {
    const image = fileOf(16 * MiB);
    makeFileSystem(image);
    const seen: LastingIdentity[] = [];
    for (let count = 0; count < 2; count++) {
      const loop = attachLoop(image);
      const mountPoint = join(directory(), 'mounted');
      const unmount = mount(loop.path, mountPoint);
      const path = count === 0 ? fileOf(4096, 'disk.img', mountPoint) : join(mountPoint, 'disk.img');
      seen.push(await identityAt(path));
      unmount();
      loop.detach();
    }
    expect(seen[0]!.lasting).toMatch(/^file system [0-9a-f-]{36} on .*, inode \d+ born \d+$/);
    expect(seen[1]!.lasting).toBe(seen[0]!.lasting);
  });

  it('of a loop device changes with each attachment, unless its file has a lasting identity', async () => {
    const image = fileOf(4 * MiB);
    const seen: LastingIdentity[] = [];
    for (let count = 0; count < 2; count++) {
      const loop = attachLoop(image);
      seen.push(await identityAt(loop.path));
      expect(isSameStorage(seen[count]!, await identityAt(loop.path))).toBe('same');
      loop.detach();
    }
    expect(seen[0]!.withinBoot).not.toBe(seen[1]!.withinBoot);
  });

  it.each([
    ['device/wwid', 'naa.5000c500a1b2c3d4'],
    ['wwid', 'eui.0025385b71b0b5c5'],
    ['dm/uuid', 'LVM-0123456789'],
    ['serial', 'disk-17'],
  ])('is its %s', async (attribute, text) => {
    const path = loopOver(fileOf(MiB));
    const number = deviceNumber(statSync(path, { bigint: true }).rdev);
    const sys = makeFakeSys(directory(), { sda: { number, sizeBytes: MiB } });
    const file = join(sys, 'devices/sda', attribute);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, `${text}\n`);
    const { handle } = await source(path);
    expect(lastingIdentityOf(handle, new KernelView(sys)).lasting).toBe(`${attribute} ${text}`);
  });

  it('of a partition is that of its disk, and its start', async () => {
    const path = loopOver(fileOf(MiB));
    const number = deviceNumber(statSync(path, { bigint: true }).rdev);
    const sys = makeFakeSys(directory(), {
      sda: { number: '8:0', sizeBytes: 4 * MiB },
      sda1: { number, sizeBytes: MiB, partitionOf: 'sda', startBytes: 2 * MiB },
    });
    writeFileSync(join(sys, 'devices/sda/serial'), 'disk-17\n');
    const { handle } = await source(path);
    expect(lastingIdentityOf(handle, new KernelView(sys)).lasting).toBe('serial disk-17 from sector 4096');
  });
});

async function identityAt(path: string): Promise<LastingIdentity> {
  const device = await target(path);
  try {
    return lastingIdentityOf(device.handle);
  } finally {
    await device.close();
  }
}
