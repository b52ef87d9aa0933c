import assert from 'node:assert/strict';
import { basyn, expectFailure, expectSuccess, type Place } from './basyn.ts';
import { MiB, readMedium, sourceDisk, targetDisk } from './disks.ts';
import { MappedDevice, tableOver, type Segment } from './mapped-device.ts';
import { makePair, sourceBytes, targetBytes } from './pair.ts';

/** Sectors of 512 bytes: alone, in a row, and at the end of a buffer. */
const bad = [
  { offsetBytes: 512 * 9, lengthBytes: 512 },
  { offsetBytes: MiB + 512, lengthBytes: 20_480 },
  { offsetBytes: 2 * MiB - 512, lengthBytes: 512 },
];
/** The pieces of 4 KiB with these sectors. */
const lost = [
  { offsetBytes: 4096, lengthBytes: 4096 },
  { offsetBytes: MiB, lengthBytes: 24_576 },
  { offsetBytes: 2 * MiB - 4096, lengthBytes: 4096 },
];

/** The same for SYNC and a second SYNC, in which nothing but the bad sectors differs. */
export function leavesOutBadSectors(place: Place): void {
  const { source, targetAtFirst } = makePair();
  const device = new MappedDevice('source', tableOver(sourceDisk, segments()));
  expectFailure(basyn(targetDisk, place, [], device.path), /cannot read .*input\/output error \(EIO\)/);
  const wanted = Buffer.concat([source, targetAtFirst.subarray(sourceBytes)]);
  for (const { offsetBytes, lengthBytes } of lost) {
    targetAtFirst.copy(wanted, offsetBytes, offsetBytes, offsetBytes + lengthBytes);
  }
  for (const options of [[], ['--recheck']]) {
    const run = basyn(targetDisk, place, ['--skip-read-errors', ...options], device.path);
    expectFailure(run, /sync: 32768 bytes .* in 3 ranges of .*can't be read/);
    for (const { offsetBytes, lengthBytes } of lost) {
      assert.match(run.output, new RegExp(`at offset ${offsetBytes}: ${lengthBytes} bytes`));
    }
    assert.doesNotMatch(run.output, /differ/);
    assert.ok(readMedium(targetDisk, 0, targetBytes).equals(wanted), 'the target is not as required');
  }
  device.become(tableOver(sourceDisk, [{ offsetBytes: 0, lengthBytes: sourceBytes, kind: 'healthy' }]));
  expectSuccess(basyn(targetDisk, place, ['--skip-read-errors'], device.path));
  assert.ok(readMedium(targetDisk, 0, sourceBytes).equals(source), 'the repaired disk was not copied');
}

function segments(): Segment[] {
  const all: Segment[] = [];
  let atBytes = 0;
  for (const range of [...bad, { offsetBytes: sourceBytes, lengthBytes: 0 }]) {
    if (range.offsetBytes > atBytes) {
      all.push({ offsetBytes: atBytes, lengthBytes: range.offsetBytes - atBytes, kind: 'healthy' });
    }
    if (range.lengthBytes > 0) all.push({ ...range, kind: 'fails' });
    atBytes = range.offsetBytes + range.lengthBytes;
  }
  return all;
}
