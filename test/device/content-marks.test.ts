import { closeSync, fstatSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deviceNumber } from '../../src/device/block-device.ts';
import { doubtAbout, type ContentMarks } from '../../src/device/content-marks.ts';
import type { DeviceHandle } from '../../src/device/handle.ts';
import { KernelView } from '../../src/device/kernel-view.ts';
import { contentMarksOf } from '../../src/device/mark-reader.ts';
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
