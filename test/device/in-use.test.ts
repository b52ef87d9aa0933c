import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { deviceNumber } from '../../src/device/block-device.ts';
import { storageOf } from '../../src/device/file-system.ts';
import { holderUses } from '../../src/device/in-use.ts';
import { kernelPathOf } from '../../src/device/kernel-path.ts';
import { KernelView } from '../../src/device/kernel-view.ts';
import type { Mount } from '../../src/device/proc-tables.ts';
import { isRoot } from '../support/loop-device.ts';
import { makeFakeSys } from './sys.fixture.ts';
import { directory, fileOf, loopOver, MiB } from './devices.fixture.ts';

describe('what claims a device, in an imitation of /sys', () => {
  const clauses = (number: string): string[] => {
    const root = makeFakeSys(directory(), {
      sda: { number: '8:0', sizeBytes: 100 * MiB },
      sda1: { number: '8:1', sizeBytes: MiB, partitionOf: 'sda', startBytes: MiB },
      sda2: {
        number: '8:2',
        sizeBytes: MiB,
        partitionOf: 'sda',
        startBytes: 9 * MiB,
        holders: ['dm-0', 'dm-1'],
      },
      sdb: { number: '8:16', sizeBytes: 100 * MiB, holders: ['md0'] },
      sdb1: { number: '8:17', sizeBytes: MiB, partitionOf: 'sdb', startBytes: MiB },
      md0: { number: '9:0', sizeBytes: MiB, slaves: ['sdb'] },
      'dm-0': { number: '253:0', sizeBytes: MiB, slaves: ['sda2'], mapperName: 'vg-root' },
      'dm-1': { number: '253:1', sizeBytes: MiB, slaves: ['sda2'], mapperName: 'vg-swap' },
    });
    return holderUses(number, new KernelView(root)).map(({ clause }) => clause);
  };

  it('is each volume on it', () => {
    expect(clauses('8:2')).toEqual(['is part of dm-0 (vg-root)', 'is part of dm-1 (vg-swap)']);
  });

  it('includes what claims one of its partitions, or the disk that it is a partition of', () => {
    expect(clauses('8:0')[0]).toBe('overlaps with sda2, which is part of dm-0 (vg-root)');
    expect(clauses('8:17')).toEqual(['overlaps with sdb, which is part of md0']);
  });

  it('does not include what claims the next partition, or the volume itself', () => {
    expect(clauses('8:1')).toEqual([]);
    expect(clauses('253:0')).toEqual([]);
  });
});

describe('the storage below a mount', () => {
  const storage = (deviceNumber: string, source: string, type = 'btrfs'): ReturnType<typeof storageOf> => {
    const mount: Mount = {
      id: '2',
      parentId: '1',
      deviceNumber,
      root: kernelPathOf('/'),
      mountPoint: kernelPathOf('/srv'),
      type,
      source: kernelPathOf(source),
      writable: true,
      superOptions: 'rw',
    };
    return storageOf(mount, new KernelView());
  };

  it('is the device that the kernel names', () => {
    expect(storage('8:1', '/dev/null').devices).toEqual(['8:1']);
  });

  it.skipIf(!isRoot)(
    'is found by its name for a file system that has its own device number (needs root)',
    () => {
      const [first, second] = [loopOver(fileOf(MiB)), loopOver(fileOf(MiB))];
      const numberOf = (path: string): string => deviceNumber(statSync(path, { bigint: true }).rdev);
      expect(storage('0:50', first).devices).toEqual([numberOf(first)]);
      expect(storage('0:50', `${first}:${second}`, 'bcachefs').devices).toEqual(
        [first, second].map(numberOf),
      );
    },
  );

  it('is unknown for a file system whose device is not visible, or that may be anywhere', () => {
    expect(storage('0:50', '/dev/gone')).toMatchObject({ devices: [], hidden: 'block device' });
    expect(storage('0:50', 'tank/data', 'zfs')).toMatchObject({ devices: [], hidden: 'block device' });
    expect(storage('0:50', 'host:/srv', 'nfs4')).toMatchObject({ devices: [], hidden: 'elsewhere' });
    expect(storage('0:50', 'gone', 'erofs')).toMatchObject({ files: [], hidden: 'file' });
  });

  it('is empty for a file system in memory', () => {
    expect(storage('0:50', 'tmpfs', 'tmpfs')).toEqual({ devices: [], files: [] });
  });
});
