import { linkSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  identityOf,
  sharesStorage,
  stackOf,
  stackOfDevice,
  type StorageIdentity,
} from '../../src/device/identity.ts';
import { parseIdentity } from '../../src/device/identity-schema.ts';
import { KernelView } from '../../src/device/kernel-view.ts';
import { realKernelPath } from '../../src/device/regions.ts';
import { isRoot, partitionTable } from '../support/loop-device.ts';
import { makeFakeSys } from './sys.fixture.ts';
import {
  directory,
  failureOf,
  fileOf,
  fileWith,
  loopOver,
  makeFileSystem,
  MiB,
  mounted,
} from './devices.fixture.ts';

const identityAt = (path: string): StorageIdentity =>
  identityOf(stackOf(statSync(path, { bigint: true }), realKernelPath(path), new KernelView()));
const share = (a: string, b: string): boolean => {
  const [first, second] = [identityAt(a), identityAt(b)];
  expect(sharesStorage(second, first)).toEqual(sharesStorage(first, second));
  return answer(first, second);
};

const answer = (a: StorageIdentity, b: StorageIdentity): boolean => {
  const { answer } = sharesStorage(a, b);
  expect(['same', 'different']).toContain(answer);
  return answer === 'same';
};

describe('two files', () => {
  it('are the same storage through a symbolic and a hard link', () => {
    const file = fileOf(MiB);
    symlinkSync(file, `${file}.symlink`);
    linkSync(file, `${file}.link`);
    expect(share(file, file)).toBe(true);
    expect(share(file, `${file}.symlink`)).toBe(true);
    expect(share(file, `${file}.link`)).toBe(true);
  });

  it('are different storage even in one directory', () => {
    const parent = directory();
    expect(share(fileOf(MiB, 'a', parent), fileOf(MiB, 'b', parent))).toBe(false);
  });

  it('are different storage on two machines, whatever their numbers', () => {
    const here = identityAt(fileOf(MiB));
    const machine = { ...here.machine, bootId: 'another', wallMs: here.machine.wallMs + 60_000 };
    expect(answer(here, { ...here, machine })).toBe(false);
  });
});

describe('volumes and arrays, in an imitation of /sys', () => {
  const sys = (): string =>
    makeFakeSys(directory(), {
      sda: { number: '8:0', sizeBytes: 100 * MiB },
      sda1: { number: '8:1', sizeBytes: 10 * MiB, partitionOf: 'sda', startBytes: MiB },
      sda2: { number: '8:2', sizeBytes: 50 * MiB, partitionOf: 'sda', startBytes: 20 * MiB },
      sdb: { number: '8:16', sizeBytes: 50 * MiB },
      'dm-0': { number: '253:0', sizeBytes: 10 * MiB, slaves: ['sda2'] },
      'dm-1': { number: '253:1', sizeBytes: 10 * MiB, slaves: ['sda2'] },
      'dm-2': { number: '253:2', sizeBytes: 10 * MiB, slaves: ['dm-1'] },
      md0: { number: '9:0', sizeBytes: 50 * MiB, slaves: ['sda2', 'sdb'] },
    });

  it.each([
    ['a volume', '253:0', 'the partition below', '8:2', true],
    ['a volume', '253:0', 'the disk below', '8:0', true],
    ['a volume', '253:0', 'another partition of that disk', '8:1', false],
    ['a volume', '253:0', 'another volume of the group', '253:1', false],
    ['a volume', '253:0', 'another disk', '8:16', false],
    ['a volume on a volume', '253:2', 'the lower volume', '253:1', true],
    ['a volume on a volume', '253:2', 'the partition at the bottom', '8:2', true],
    ['an array', '9:0', 'its second member', '8:16', true],
    ['an array', '9:0', "a partition next to its first member's", '8:1', false],
    ['a partition', '8:1', 'its disk', '8:0', true],
    ['a partition', '8:1', 'the next partition', '8:2', false],
  ])('%s (%s) and %s (%s): shared is %s', (_upperName, upper, _lowerName, lower, shared) => {
    const root = sys();
    const at = (number: string): StorageIdentity => identityOf(stackOfDevice(number, new KernelView(root)));
    const [a, b] = [at(upper), at(lower)];
    expect(answer(a, b)).toBe(shared);
    expect(answer(b, a)).toBe(shared);
  });

  it('are refused if they consist of more devices than fit into one message', async () => {
    const members = Array.from({ length: 300 }, (_, index) => `sd${index}`);
    const root = makeFakeSys(directory(), {
      ...Object.fromEntries(members.map((name, i) => [name, { number: `65:${i}`, sizeBytes: MiB }])),
      md0: { number: '9:0', sizeBytes: MiB, slaves: members },
    });
    expect(await failureOf(() => stackOfDevice('9:0', new KernelView(root)))).toMatchObject({
      code: 'device',
    });
  });
});

describe.skipIf(!isRoot)('real loop devices (needs root)', () => {
  it('are the same storage as the file below, and as another loop device over it', () => {
    const file = fileOf(4 * MiB);
    const [first, second] = [loopOver(file), loopOver(file)];
    linkSync(file, `${file}.link`);
    expect(share(first, `${file}.link`)).toBe(true);
    expect(share(first, second)).toBe(true);
    expect(share(first, loopOver(fileOf(4 * MiB)))).toBe(false);
  });

  it('are different storage if they use different parts of one file', () => {
    const file = fileOf(4 * MiB);
    const low = loopOver(file, { sizeLimitBytes: 2 * MiB });
    const high = loopOver(file, { offsetBytes: 2 * MiB });
    const middle = loopOver(file, { offsetBytes: MiB, sizeLimitBytes: 2 * MiB });
    expect(share(low, high)).toBe(false);
    expect(share(low, middle)).toBe(true);
    expect(share(high, middle)).toBe(true);
    expect(share(high, file)).toBe(true);
  });

  it('are the same storage as a loop device over them', () => {
    const file = fileOf(4 * MiB);
    const lower = loopOver(file);
    const upper = loopOver(lower, { offsetBytes: MiB });
    expect(share(upper, lower)).toBe(true);
    expect(share(upper, file)).toBe(true);
  });

  it('share storage with their partitions, which are separate from each other', () => {
    const parts = [
      { startBytes: MiB, sizeBytes: MiB },
      { startBytes: 2 * MiB, sizeBytes: MiB },
    ];
    const file = fileWith(Buffer.concat([partitionTable(parts), Buffer.alloc(4 * MiB - 512)]));
    const disk = loopOver(file, { partitioned: true });
    expect(share(disk, `${disk}p1`)).toBe(true);
    expect(share(file, `${disk}p1`)).toBe(true);
    expect(share(`${disk}p1`, `${disk}p2`)).toBe(false);
    expect(share(`${disk}p2`, loopOver(file, { offsetBytes: 2 * MiB, sizeLimitBytes: MiB }))).toBe(true);
  });

  it('are the same storage through a symbolic link and through another node', () => {
    const device = loopOver(fileOf(MiB));
    const link = join(directory(), 'by-id');
    symlinkSync(device, link);
    expect(share(link, device)).toBe(true);
  });

  it('share storage with the files of the file system on them', () => {
    const device = loopOver(fileOf(8 * MiB));
    makeFileSystem(device);
    const mountPoint = mounted(device);
    writeFileSync(join(mountPoint, 'a'), 'a');
    writeFileSync(join(mountPoint, 'b'), 'b');
    mkdirSync(join(mountPoint, 'c'));
    expect(share(join(mountPoint, 'a'), device)).toBe(true);
    expect(share(join(mountPoint, 'a'), join(mountPoint, 'b'))).toBe(false);
  });
});

describe('an identity from the peer', () => {
  it('survives JSON', () => {
    const identity = identityAt(fileOf(MiB));
    expect(identity.regions.length).toBeGreaterThan(0);
    expect(parseIdentity(JSON.parse(JSON.stringify(identity)))).toEqual(identity);
  });

  const machine = { bootId: 'm', kernel: 'k', hardware: '', wallMs: 1, monotonicMs: 0.5 };
  const region = { store: 'block 8:1', startBytes: 0, endBytes: 1, placement: 'exact' };
  const gap = { mayBe: 'anything', what: 'what it is' };
  const whole = { machine, regions: [region], gaps: [gap] };
  it.each([
    ['nothing', null],
    ['text', 'identity'],
    ['no machine', { ...whole, machine: undefined }],
    ['a machine of another type', { ...whole, machine: 7 }],
    ['a boot ID that is too long', { ...whole, machine: { ...machine, bootId: 'x'.repeat(300) } }],
    ['no kernel', { ...whole, machine: { ...machine, kernel: undefined } }],
    ['hardware of another type', { ...whole, machine: { ...machine, hardware: {} } }],
    ['a clock that is not a number', { ...whole, machine: { ...machine, wallMs: null } }],
    ['an infinite clock', { ...whole, machine: { ...machine, monotonicMs: Infinity } }],
    ['no regions', { ...whole, regions: undefined }],
    ['too many regions', { ...whole, regions: Array(257).fill(region) }],
    ['a region that is not an object', { ...whole, regions: [null] }],
    ['a store name that is too long', { ...whole, regions: [{ ...region, store: 'x'.repeat(300) }] }],
    ['a negative start', { ...whole, regions: [{ ...region, startBytes: -1 }] }],
    ['an end that is no integer', { ...whole, regions: [{ ...region, endBytes: 0.5 }] }],
    ['an end too large to be exact', { ...whole, regions: [{ ...region, endBytes: 2 ** 60 }] }],
    ['an unknown placement', { ...whole, regions: [{ ...region, placement: 'maybe' }] }],
    ['no gaps', { ...whole, gaps: undefined }],
    ['too many gaps', { ...whole, gaps: Array(17).fill(gap) }],
    ['an unknown gap', { ...whole, gaps: [{ ...gap, mayBe: 'nothing' }] }],
    ['a gap description that is too long', { ...whole, gaps: [{ ...gap, what: 'x'.repeat(300) }] }],
  ])('is refused if it is malformed: %s', async (_name, value) => {
    expect(await failureOf(() => parseIdentity(value))).toMatchObject({ code: 'protocol' });
  });

  it('is accepted without its unknown fields', () => {
    const parsed = parseIdentity({ ...whole, regions: [{ ...region, extra: 1 }], more: 2 });
    expect(parsed).toEqual(whole);
  });
});
