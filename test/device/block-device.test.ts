import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { attachedLoops, deviceNumber, readBlockDevice } from '../../src/device/block-device.ts';
import { isRoot } from '../support/loop-device.ts';
import { makeFakeSys } from './sys.fixture.ts';
import { directory, fileOf, loopOver, MiB } from './devices.fixture.ts';

describe('a device number', () => {
  it.each([
    [0x801n, '8:1'],
    [0x10301n, '259:1'],
    [0x10fd2cn, '253:300'],
    [0x100100038800n, '5000:1048576'],
  ])('%s is %s', (dev, number) => {
    expect(deviceNumber(dev)).toBe(number);
  });
});

describe('the data of /sys', () => {
  it('names the volume that claims a partition', () => {
    const sys = makeFakeSys(directory(), {
      sda: { number: '8:0', sizeBytes: 100 * MiB },
      sda2: {
        number: '8:2',
        sizeBytes: 40 * MiB,
        partitionOf: 'sda',
        startBytes: 50 * MiB,
        holders: ['dm-0', 'md127'],
      },
      'dm-0': { number: '253:0', sizeBytes: 10 * MiB, slaves: ['sda2'], mapperName: 'vg-root' },
      md127: { number: '9:127', sizeBytes: 10 * MiB, slaves: ['sda2'] },
    });
    expect(readBlockDevice('8:2', sys)).toMatchObject({
      name: 'sda2',
      sizeBytes: 40 * MiB,
      partitionOf: { disk: '8:0', startBytes: 50 * MiB },
      holders: ['dm-0 (vg-root)', 'md127'],
    });
    expect(readBlockDevice('8:0', sys)).toMatchObject({ partitions: ['8:2'], holders: [] });
    expect(readBlockDevice('253:0', sys)).toMatchObject({ slaves: ['8:2'] });
  });

  it('is undefined for a device that does not exist', () => {
    expect(readBlockDevice('8:9', makeFakeSys(directory(), {}))).toBeUndefined();
  });

  it('decodes a slash in a name', () => {
    const sys = makeFakeSys(directory(), { 'cciss!c0d0': { number: '104:0', sizeBytes: MiB } });
    expect(readBlockDevice('104:0', sys)?.name).toBe('cciss/c0d0');
  });

  it('reports the loop devices as unknown without /sys', () => {
    expect(attachedLoops(directory())).toBeUndefined();
  });
});

describe.skipIf(!isRoot)('the data of the real /sys about a loop device (needs root)', () => {
  it('contains the file below, the offset of the device in it, and its size', () => {
    const file = fileOf(4 * MiB, 'a disk\nwith a newline and a blank.img ');
    const path = loopOver(file, { offsetBytes: MiB, sizeLimitBytes: 2 * MiB });
    const number = deviceNumber(statSync(path, { bigint: true }).rdev);
    expect(readBlockDevice(number)).toMatchObject({
      sizeBytes: 2 * MiB,
      readOnly: false,
      loop: { backingPath: file, offsetBytes: MiB },
    });
    expect(attachedLoops()).toContain(number);
  });

  it('shows whether it is read-only', () => {
    const path = loopOver(fileOf(MiB), { readOnly: true });
    expect(readBlockDevice(deviceNumber(statSync(path, { bigint: true }).rdev))?.readOnly).toBe(true);
  });
});
