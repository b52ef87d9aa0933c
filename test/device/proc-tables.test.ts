import { describe, expect, it } from 'vitest';
import { bytesOfPath, shownPath } from '../../src/device/kernel-path.ts';
import { overlayLayers, parseLocks, parseMountInfo, parseSwaps } from '../../src/device/proc-tables.ts';

describe('the table of mounts', () => {
  it('contains device, mount point, type, source and whether the mount is writable', () => {
    const line = '36 35 98:0 / /mnt/data ro,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue\n';
    expect(parseMountInfo(line)).toEqual([
      {
        id: '36',
        parentId: '35',
        deviceNumber: '98:0',
        root: '/',
        mountPoint: '/mnt/data',
        type: 'ext3',
        source: '/dev/root',
        writable: true,
        superOptions: 'rw,errors=continue',
      },
    ]);
  });

  it('is parsed without optional fields, with a hyphen as the source, and with an empty source', () => {
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

  it('decodes blanks, tabs, newlines and backslashes, and keeps each byte of non-ASCII text', () => {
    const line = '1 2 8:1 / /a\\040b\\011c\\012d\\134e\\134040\\303\\244ä\xff rw - ext4 /dev/my\\040disk rw';
    const [mount] = parseMountInfo(Buffer.from(line, 'utf8').toString('latin1'));
    expect(mount!.source).toBe('/dev/my disk');
    expect(bytesOfPath(mount!.mountPoint)).toEqual(Buffer.from('/a b\tc\nd\\e\\040ääÿ'));
    expect(shownPath(mount!.mountPoint)).toBe('/a b\tc\nd\\e\\040ääÿ');
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

  it('is empty without swap areas', () => {
    expect(parseSwaps('Filename\tType\tSize\tUsed\tPriority\n')).toEqual([]);
  });
});

describe('the layers of an overlay', () => {
  it('are the upper directory and the lower ones from the top, with any character in a name', () => {
    const superOptions =
      'rw,lowerdir=/l\\134:2:/l\\134\\0541::/b\\134\\134,upperdir=/u\\040p\\134\\054q,workdir=/w,uuid=on';
    expect(overlayLayers({ superOptions })).toEqual(['/u p,q', '/u p\\,q', '/l:2', '/l,1', '/b\\']);
  });

  it('are listed one by one by the new mount API', () => {
    const superOptions = 'ro,lowerdir+=/a:b,lowerdir+=/c,datadir+=/d';
    expect(overlayLayers({ superOptions })).toEqual(['/a:b', '/c', '/d']);
  });
});

describe('the table of locks', () => {
  it('contains kind, file and range, but no waiting locks', () => {
    const text = [
      '1: OFDLCK ADVISORY  READ  -1 fe:00:3932186 100 101',
      '1: -> POSIX ADVISORY  WRITE 12 fe:00:3932186 0 EOF',
      '2: FLOCK  ADVISORY  WRITE 713 00:1a:24 0 EOF',
      '',
    ].join('\n');
    expect(parseLocks(text)).toEqual([
      { kind: 'OFDLCK', deviceNumber: '254:0', inode: 3932186n, firstByte: 100, lastByte: 101 },
      { kind: 'FLOCK', deviceNumber: '0:26', inode: 24n, firstByte: 0, lastByte: Infinity },
    ]);
  });
});
