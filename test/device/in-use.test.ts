import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { deviceNumber } from '../../src/device/block-device.ts';
import { holderUses, mountedDevice } from '../../src/device/in-use.ts';
import { isRoot } from '../support/loop-device.ts';
import { makeFakeSys } from './fake-sys.ts';
import { directory, fileOf, loopOver, MiB } from './fixtures.ts';

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
    return holderUses(number, root).map(({ clause }) => clause);
  };

  it('is each volume on it', () => {
    expect(clauses('8:2')).toEqual(['is part of dm-0 (vg-root)', 'is part of dm-1 (vg-swap)']);
  });

  it('is what claims one of its partitions, or the disk that it is a partition of', () => {
    expect(clauses('8:0')[0]).toBe('overlaps with sda2, which is part of dm-0 (vg-root)');
    expect(clauses('8:17')).toEqual(['overlaps with sdb, which is part of md0']);
  });

  it('is nothing for the next partition, and for a volume on top', () => {
    expect(clauses('8:1')).toEqual([]);
    expect(clauses('253:0')).toEqual([]);
  });
});

describe('the device of a mount', () => {
  const mount = { mountPoint: '/srv', type: 'btrfs', writable: true };

  it('is the one that the kernel names', () => {
    expect(mountedDevice({ ...mount, deviceNumber: '8:1', source: '/dev/null' })).toBe('8:1');
  });

  it.skipIf(!isRoot)('is found by its name for a file system with a number of its own (needs root)', () => {
    const source = loopOver(fileOf(MiB));
    const number = deviceNumber(statSync(source, { bigint: true }).rdev);
    expect(mountedDevice({ ...mount, deviceNumber: '0:50', source })).toBe(number);
  });

  it('is none for a file system without a device, or whose device is out of sight', () => {
    for (const source of ['tmpfs', 'host:/srv', '/dev/null', '/dev/gone']) {
      expect(mountedDevice({ ...mount, deviceNumber: '0:50', source })).toBe('0:50');
    }
  });
});
