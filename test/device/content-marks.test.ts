import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deviceNumber } from '../../src/device/block-device.ts';
import { doubtAbout, type ContentMarks } from '../../src/device/content-marks.ts';
import type { DeviceHandle } from '../../src/device/handle.ts';
import { KernelView } from '../../src/device/kernel-view.ts';
import { contentMarksOf } from '../../src/device/mark-reader.ts';
import { directoryOn } from '../support/file-systems.ts';
import { attachLoop, isRoot } from '../support/loop-device.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';
import { makeFakeSys, type FakeDevice } from './sys.fixture.ts';

const sizeBytes = 1024 * 1024;

/** A device that is open, and an imitation of /sys in which it is a disk or partition of this name. */
class Imitation {
  readonly #handle: DeviceHandle;
  readonly #root = scratchDirectory();
  readonly #number: string;

  constructor(name: string, disk?: string) {
    const { path, detach } = attachLoop(scratchFile(Buffer.alloc(sizeBytes)));
    const fd = openSync(path, 'r');
    onTestFinished(() => {
      closeSync(fd);
      detach();
    });
    this.#handle = { fd, path, side: 'local', kind: 'block device', sizeBytes } as unknown as DeviceHandle;
    this.#number = deviceNumber(fstatSync(fd, { bigint: true }).rdev);
    const device: FakeDevice = { number: this.#number, sizeBytes };
    const devices: Record<string, FakeDevice> =
      disk === undefined
        ? { [name]: device }
        : {
            [disk]: { number: '259:0', sizeBytes: 4 * sizeBytes },
            [name]: { ...device, partitionOf: disk, startBytes: sizeBytes },
            [`${disk}p9`]: { number: '259:9', sizeBytes, partitionOf: disk, startBytes: 2 * sizeBytes },
          };
    makeFakeSys(this.#root, devices);
    this.set(`devices/${disk ?? name}/diskseq`, '9');
    this.set(`devices/${disk ?? name}/queue/iostats`, '1');
  }

  set(file: string, text: string): void {
    writeFileSync(join(this.#root, file), `${text}\n`);
  }

  /** The counters as the kernel writes them. */
  count(directory: string, { requests = 5, written = 100, discarded = 0 } = {}): void {
    const numbers = [7, 0, 700, 3, requests, 0, written, 3, 0, 3, 3, 1, 0, discarded, 0, 4, 1];
    this.set(`devices/${directory}/stat`, numbers.map((number) => `${number}`.padStart(8)).join(' '));
  }

  marks(): Promise<ContentMarks> {
    return contentMarksOf(this.#handle, new KernelView(this.#root));
  }
}

test.skipIf(!isRoot)(
  'a loop device that begins elsewhere in its file is attached again (needs root)',
  async () => {
    const backing = scratchFile(Buffer.alloc(4 * sizeBytes));
    const { path, detach } = attachLoop(backing);
    onTestFinished(detach);
    const before = await marksAt(path);
    // The kernel keeps its sequence number: LOOP_GET_STATUS64, a new lo_offset, LOOP_SET_STATUS64.
    const program =
      'import fcntl,os,struct,sys; fd=os.open(sys.argv[1],os.O_RDWR); b=bytearray(232); fcntl.ioctl(fd,0x4C05,b); ' +
      "struct.pack_into('<Q',b,24,1048576); fcntl.ioctl(fd,0x4C04,bytes(b))";
    execFileSync('/usr/bin/python3', ['-c', program, path]);
    expect(doubtAbout(before, await marksAt(path))).toBe('attached again');
  },
);

test.skipIf(!isRoot)(
  'a file whose times have no fractions of a second proves nothing (needs root: mount)',
  async () => {
    const path = join(directoryOn('ext4 with small inodes'), 'file');
    writeFileSync(path, 'content');
    expect(await marksAt(path)).toMatchObject({ attachment: '', writes: '' });
    const other = join(directoryOn('ext4'), 'file');
    writeFileSync(other, 'content');
    expect((await marksAt(other)).writes).not.toBe('');
  },
);

async function marksAt(path: string): Promise<ContentMarks> {
  const fd = openSync(path, 'r');
  try {
    return await contentMarksOf({ fd, path, side: 'local' } as unknown as DeviceHandle);
  } finally {
    closeSync(fd);
  }
}

describe.skipIf(!isRoot)('the marks of a block device (needs root: loop devices)', () => {
  test('change with what is written and discarded, and not with a flush, which is a request to write', async () => {
    const disk = new Imitation('sdq');
    disk.count('sdq');
    const before = await disk.marks();
    disk.count('sdq', { requests: 8 });
    expect(doubtAbout(before, await disk.marks())).toBeUndefined();
    disk.count('sdq', { written: 101 });
    expect(doubtAbout(before, await disk.marks())).toBe('written to');
    disk.count('sdq', { discarded: 8 });
    expect(doubtAbout(before, await disk.marks())).toBe('written to');
    disk.count('sdq');
    disk.set('devices/sdq/diskseq', '10');
    expect(doubtAbout(before, await disk.marks())).toBe('attached again');
  });

  test('are unknown if the counters are switched off, or do not see every change', async () => {
    const disk = new Imitation('sdq');
    disk.count('sdq');
    disk.set('devices/sdq/queue/iostats', '0');
    expect(doubtAbout(await disk.marks(), await disk.marks())).toBe('unknown');
    for (const name of ['nbd0', 'rbd1', 'drbd0', 'zd16']) {
      const remote = new Imitation(name);
      remote.count(name);
      expect(doubtAbout(await remote.marks(), await remote.marks()), name).toBe('unknown');
    }
  });

  test('of a partition change if its disk is written to by its own name, and not with other partitions', async () => {
    const disk = new Imitation('nvme0n1p1', 'nvme0n1');
    const count = (ofDisk: number, ofTarget: number, ofOther: number): void => {
      disk.count('nvme0n1', { written: ofDisk });
      disk.count('nvme0n1/nvme0n1p1', { written: ofTarget });
      disk.count('nvme0n1/nvme0n1p9', { written: ofOther });
    };
    count(1000, 300, 200);
    const before = await disk.marks();
    count(1050, 300, 250);
    expect(doubtAbout(before, await disk.marks())).toBeUndefined();
    count(1058, 300, 250);
    expect(doubtAbout(before, await disk.marks())).toBe('written to');
    count(1058, 308, 250);
    expect(doubtAbout(before, await disk.marks())).toBe('written to');
  });
});
