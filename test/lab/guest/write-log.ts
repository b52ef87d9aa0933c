import assert from 'node:assert/strict';
import { logDisk, readMedium, sectorsOf, writeMedium } from './disks.ts';
import { MappedDevice } from './mapped-device.ts';

/** What the kernel's drivers/md/dm-log-writes.c writes: numbers are little-endian, an entry has a sector of its own. */
const magic = 0x6a736677736872n;
const flags = { discard: 4n, mark: 8n };

/**
 * A device that records every write to the disk below (dm-log-writes). A write enters the record when a flush that
 * followed it has completed: the record is what a disk with a volatile cache has after a power cut, at the worst.
 */
export class LoggedDevice extends MappedDevice {
  constructor(name: string, disk: string, sizeBytes: number) {
    // The record of an earlier test must not be taken for this one's.
    writeMedium(logDisk, 0, Buffer.alloc(4096));
    super(name, `0 ${sectorsOf(sizeBytes)} log-writes ${disk} ${logDisk}\n`);
  }

  /** Cuts the power: applies to what the medium held at first what is durable by now. */
  mediumAfterPowerCut(atFirst: Buffer): Buffer {
    // The mark is the last entry, and with it the record's size is written.
    this.message('mark', 'power-cut');
    const medium = Buffer.from(atFirst);
    const head = readMedium(logDisk, 0, 4096);
    assert.equal(head.readBigUInt64LE(0), magic, 'the record has no header');
    const entryCount = Number(head.readBigUInt64LE(16));
    const sectorBytes = head.readUInt32LE(24);
    let position = sectorBytes;
    for (let index = 0; index < entryCount; index++) {
      const entry = readMedium(logDisk, position, sectorBytes);
      const [sector, sectorCount, bits] = [0, 8, 16].map((at) => entry.readBigUInt64LE(at)) as [bigint, bigint, bigint];
      const lengthBytes = Number(sectorCount) * sectorBytes;
      position += sectorBytes;
      if ((bits & flags.mark) !== 0n) return medium;
      assert.equal(bits & flags.discard, 0n, 'a discard, which no test expects');
      if (lengthBytes > 0) readMedium(logDisk, position, lengthBytes).copy(medium, Number(sector) * sectorBytes);
      position += lengthBytes;
    }
    throw new Error(`the record of ${entryCount} entries has no mark`);
  }
}
