import assert from 'node:assert/strict';
import { logDisk, MiB, readMedium, sectorsOf, writeMedium } from './disks.ts';
import { MappedDevice } from './mapped-device.ts';

/** What the kernel's drivers/md/dm-log-writes.c writes: numbers are little-endian, each entry has its own sector. */
const magic = 0x6a736677736872n;
const flags = { discard: 4n, mark: 8n };

/** More than the record of any test. Reading it in one piece is fast, reading entry by entry takes minutes. */
const longestRecordBytes = 48 * MiB;

/**
 * A device that records every write to the disk below (dm-log-writes). A write enters the record when a flush that
 * followed it has completed: the record is what a disk with a volatile cache has after a power cut, at the worst.
 */
export class LoggedDevice extends MappedDevice {
  constructor(name: string, disk: string, sizeBytes: number) {
    // The record of an earlier test must not be mistaken for that of this one.
    writeMedium(logDisk, 0, Buffer.alloc(4096));
    super(name, `0 ${sectorsOf(sizeBytes)} log-writes ${disk} ${logDisk}\n`);
  }

  /** Cuts the power: applies the durable writes to the original content of the medium. */
  mediumAfterPowerCut(atFirst: Buffer): Buffer {
    // The mark is the last entry. Writing it also writes the size of the record.
    this.message('mark', 'power-cut');
    const medium = Buffer.from(atFirst);
    const record = readMedium(logDisk, 0, longestRecordBytes);
    assert.equal(record.readBigUInt64LE(0), magic, 'the record has no header');
    const entryCount = Number(record.readBigUInt64LE(16));
    const sectorBytes = record.readUInt32LE(24);
    let position = sectorBytes;
    for (let index = 0; index < entryCount; index++) {
      const field = (at: number): bigint => record.readBigUInt64LE(position + at);
      const offsetBytes = Number(field(0)) * sectorBytes;
      const lengthBytes = Number(field(8)) * sectorBytes;
      const bits = field(16);
      position += sectorBytes;
      assert.ok(position + lengthBytes <= record.length, 'the record is longer than expected');
      if ((bits & flags.mark) !== 0n) return medium;
      assert.equal(bits & flags.discard, 0n, 'a discard, which no test expects');
      record.copy(medium, offsetBytes, position, position + lengthBytes);
      position += lengthBytes;
    }
    throw new Error(`the record of ${entryCount} entries has no mark`);
  }
}
