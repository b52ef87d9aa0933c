import { describe, expect, it } from 'vitest';
import { parseMountInfo, parseSwaps } from '../../src/device/proc-tables.ts';

describe('the table of mounts', () => {
  it('gives device, mount point, type, source and whether it is writable', () => {
    const line = '36 35 98:0 / /mnt/data ro,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue\n';
    expect(parseMountInfo(line)).toEqual([
      { deviceNumber: '98:0', mountPoint: '/mnt/data', type: 'ext3', source: '/dev/root', writable: true },
    ]);
  });

  it('is read with no optional fields, with a hyphen as a source, and with an empty source', () => {
    const text = [
      '22 1 0:21 / /proc rw,nosuid - proc proc rw',
      '23 1 0:22 / /odd rw - tmpfs - ro,size=1k',
      '24 1 0:23 / /odder rw - tmpfs  rw',
    ].join('\n');
    expect(parseMountInfo(text).map(({ source, writable }) => [source, writable])).toEqual([
      ['proc', true],
      ['-', false],
      ['', true],
    ]);
  });

  it('decodes blanks, tabs, newlines, backslashes, and text that is not ASCII', () => {
    const line = '1 2 8:1 / /a\\040b\\011c\\012d\\134e\\134040\\303\\244ä rw - ext4 /dev/my\\040disk rw';
    expect(parseMountInfo(line)[0]).toMatchObject({
      mountPoint: '/a b\tc\nd\\e\\040ää',
      source: '/dev/my disk',
    });
  });

  it('does not take a read-only file system for a writable one because an option contains "rw"', () => {
    expect(parseMountInfo('1 2 8:1 / / rw - ext4 /dev/sda1 ro,rwx=1')[0]?.writable).toBe(false);
  });
});

describe('the table of swap areas', () => {
  it('gives the path of each partition and file', () => {
    const text = [
      'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority',
      '/dev/sda2                               partition\t8388604\t\t0\t\t-2',
      '/srv/swap\\040file\tfile\t1020\t0\t-3',
      '',
    ].join('\n');
    expect(parseSwaps(text)).toEqual([{ path: '/dev/sda2' }, { path: '/srv/swap file' }]);
  });

  it('is empty without any', () => {
    expect(parseSwaps('Filename\tType\tSize\tUsed\tPriority\n')).toEqual([]);
  });
});
