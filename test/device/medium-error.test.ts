import { describe, expect, it, onTestFinished } from 'vitest';
import { openDiskView, type DeviceHandle } from '../../src/device/device.ts';
import { PieceReader } from '../../src/device/piece-reader.ts';
import { readFully } from '../../src/device/range-io.ts';
import { cutAll, joinNeighbours, type Extent } from '../../src/digest/extent.ts';
import { makeBadDisk } from '../support/bad-sectors.ts';
import { isRoot } from '../support/loop-device.ts';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { failureOf, source } from './devices.fixture.ts';

const KiB = 1024;
/** Not a multiple of 4 KiB, as a device with sectors of 512 bytes may be. */
const sizeBytes = 600 * KiB + 1536;
const bytes = mixedBytes(sizeBytes, 1);

const page = (number: number, count = 1): Extent => ({
  offsetBytes: number * 4 * KiB,
  lengthBytes: count * 4 * KiB,
});
const lastPiece = { offsetBytes: 600 * KiB, lengthBytes: 1536 };

describe.each(['file', 'block device'] as const)('a %s with bad sectors (needs root: FUSE)', (kind) => {
  it.skipIf(!isRoot).each([
    ['no', [], []],
    ['one', [page(5)], [page(5)]],
    ['the first', [page(0)], [page(0)]],
    ['the last', [{ offsetBytes: sizeBytes - 100, lengthBytes: 100 }], [lastPiece]],
    ['a part of one', [{ offsetBytes: 20_000, lengthBytes: 1 }], [page(4)]],
    ['two in one read', [page(3), page(7)], [page(3), page(7)]],
    ['some in a row', [page(30, 70)], [page(30, 70)]],
    ['all', [{ offsetBytes: 0, lengthBytes: sizeBytes }], [{ offsetBytes: 0, lengthBytes: sizeBytes }]],
  ])(
    '%s of them bad: exactly these pieces of 4 KiB are left out, in every way to read',
    async (_, bad, lost) => {
      const disk = await makeBadDisk(kind, bytes, bad);
      const { handle } = await source(disk.path);
      const view = openDiskView(handle);
      onTestFinished(() => view.close());
      const wanted = Buffer.from(bytes);
      for (const { offsetBytes, lengthBytes } of lost) {
        wanted.fill(0, offsetBytes, offsetBytes + lengthBytes);
      }
      for (const read of [
        readWhole(handle),
        await readPieces(handle, 128 * KiB),
        await readPieces(view.handle, 100 * KiB),
        await readPieces(view.handle, 4 * KiB),
      ]) {
        expect(read.unreadable).toEqual(lost);
        expect(read.bytes.equals(wanted)).toBe(true);
      }
      expect(view.handle.access).toBe(kind === 'file' ? view.handle.access : 'direct');
    },
  );

  it.skipIf(!isRoot)('whose first bad piece ends a run: the error has the offset of this piece', async () => {
    const disk = await makeBadDisk(kind, bytes, [page(30), page(32)]);
    const { handle } = await source(disk.path);
    const { offsetBytes, message } = await failureOf(() => readFully(handle, 0, Buffer.alloc(sizeBytes)));
    expect(offsetBytes).toBe(30 * 4 * KiB);
    expect(message).toContain(`at byte ${30 * 4 * KiB}`);
  });

  it.skipIf(!isRoot)('that fails otherwise is an error', async () => {
    const disk = await makeBadDisk(kind, bytes, []);
    const { handle } = await source(disk.path);
    disk.unplug();
    if (kind === 'file') {
      const { message } = await failureOf(() => readWhole(handle));
      expect(message).toMatch(/cannot read .* at byte 0: .*\(ENXIO\)/);
    }
  });
});

interface Read {
  readonly bytes: Buffer;
  readonly unreadable: readonly Extent[];
}

function readWhole(handle: DeviceHandle): Read {
  const into = Buffer.alloc(sizeBytes, 'x');
  const unreadable: Extent[] = [];
  readFully(handle, 0, into, (offsetBytes, lengthBytes) => unreadable.push({ offsetBytes, lengthBytes }));
  return { bytes: into, unreadable: joinNeighbours(unreadable) };
}

async function readPieces(handle: DeviceHandle, pieceBytes: number): Promise<Read> {
  const reader = new PieceReader();
  const read: Buffer[] = [];
  const unreadable: Extent[] = [];
  const pieces = cutAll([{ offsetBytes: 0, lengthBytes: sizeBytes }], pieceBytes);
  reader.start(handle, pieces, (offsetBytes, lengthBytes) => unreadable.push({ offsetBytes, lengthBytes }));
  while (reader.hasNext) read.push(Buffer.from(await reader.next()));
  unreadable.sort((a, b) => a.offsetBytes - b.offsetBytes);
  return { bytes: Buffer.concat(read), unreadable: joinNeighbours(unreadable) };
}
