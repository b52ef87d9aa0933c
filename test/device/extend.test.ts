import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { logicalVolumeName } from '../../src/device/block-device.ts';
import { openDiskView, type DeviceHandle } from '../../src/device/device.ts';
import { PieceReader } from '../../src/device/piece-reader.ts';
import { readFully } from '../../src/device/range-io.ts';
import { cutAll } from '../../src/digest/extent.ts';
import { isRoot } from '../support/loop-device.ts';
import { makeFakeSys } from './sys.fixture.ts';
import {
  directory,
  failureOf,
  fileOf,
  fileWith,
  loopOver,
  MiB,
  mounted,
  makeFileSystem,
  source,
  target,
} from './devices.fixture.ts';

/** Not a multiple of a page, so that the end of the data is within one. */
const oldBytes = 70_001;
const newBytes = 3 * MiB + 5;

describe('a target file that is smaller than the source', () => {
  it('is extended by a hole if that is allowed, with both sizes in a warning', async () => {
    const file = fileWith(Buffer.alloc(oldBytes, 'old'));
    const blocksBefore = statSync(file).blocks;
    const { handle, warnings, created } = await target(file, extending);
    expect(warnings).toEqual([`remote target ${file} was extended from ${oldBytes} to ${newBytes} bytes.`]);
    expect({ sizeBytes: handle.sizeBytes, created }).toEqual({ sizeBytes: newBytes, created: false });
    expect(readFileSync(file).equals(extended())).toBe(true);
    expect(statSync(file).blocks).toBe(blocksBefore);
  });

  it('is not changed without the permission, and the error has the remedy', async () => {
    const file = fileWith(Buffer.alloc(oldBytes, 'old'));
    for (const purpose of ['write', 'dry run'] as const) {
      const failure = await failureOf(() => target(file, { sourceSizeBytes: newBytes, purpose }));
      expect(failure).toMatchObject({ code: 'refused', remedy: 'grow' });
    }
    expect(statSync(file).size).toBe(oldBytes);
  });

  it('is completed by a run that may create it if it is empty, as a run leaves it that was killed', async () => {
    const file = fileOf(0);
    const options = { sourceSizeBytes: newBytes, missing: 'create' } as const;
    const { handle } = await target(file, options);
    expect(handle.sizeBytes).toBe(newBytes);
    const other = fileOf(1);
    expect(await failureOf(() => target(other, options))).toMatchObject({ code: 'refused', remedy: 'grow' });
    expect(await failureOf(() => target(fileOf(0), { ...options, missing: 'refuse' }))).toMatchObject({
      code: 'refused',
    });
  });

  it('keeps its size if it is as large as the source, or larger', async () => {
    for (const sizeBytes of [newBytes, newBytes + 1]) {
      const file = fileOf(sizeBytes);
      const { handle, warnings } = await target(file, extending);
      expect({ size: handle.sizeBytes, warnings }).toEqual({ size: sizeBytes, warnings: [] });
      expect(statSync(file).size).toBe(sizeBytes);
    }
  });

  it('is not extended if another guard refuses it', async () => {
    const file = fileWith(Buffer.alloc(oldBytes, 'old'));
    const { identity } = await source(file);
    expect(await failureOf(() => target(file, { ...extending, sourceIdentity: identity }))).toMatchObject({
      message: expect.stringContaining('is the same storage as the source'),
    });
    const first = await target(file);
    expect(await failureOf(() => target(file, extending))).toMatchObject({
      message: expect.stringContaining('is locked by another program'),
    });
    await first.close();
    expect(statSync(file).size).toBe(oldBytes);
  });

  it.skipIf(!isRoot)('is not extended while a loop device is attached to it (needs root)', async () => {
    const file = fileOf(MiB);
    loopOver(file);
    expect(await failureOf(() => target(file, extending))).toMatchObject({
      code: 'refused',
      remedy: 'force',
    });
    expect(statSync(file).size).toBe(MiB);
  });

  it.skipIf(!isRoot)('that can only be appended to stays as it is (needs root: chattr)', async () => {
    const disk = loopOver(fileOf(16 * MiB));
    makeFileSystem(disk);
    const file = fileOf(oldBytes, 'log', mounted(disk));
    execFileSync('chattr', ['+a', file]);
    onTestFinished(() => void execFileSync('chattr', ['-a', file]));
    const { message } = await failureOf(() => target(file, extending));
    expect(message).toBe(
      `remote target ${file} can't be opened for writing: operation not permitted (EPERM).`,
    );
    expect(statSync(file).size).toBe(oldBytes);
  });

  it.skipIf(!isRoot)('is an error if its file system has no files of that size (needs root)', async () => {
    const disk = loopOver(fileOf(16 * MiB));
    makeFileSystem(disk);
    const file = fileOf(oldBytes, 'file', mounted(disk));
    const sourceSizeBytes = 2 ** 50;
    const failure = await failureOf(() => target(file, { ...extending, sourceSizeBytes }));
    expect(failure).toMatchObject({
      code: 'device',
      message: `remote target ${file} can't be extended from ${oldBytes} to ${sourceSizeBytes} bytes: file size limit reached (EFBIG).`,
    });
    expect(statSync(file).size).toBe(oldBytes);
  });
});

describe('in a dry run, a target file that would be extended', () => {
  it.each([0, 1, 4096, oldBytes, MiB])(
    'of %i bytes is not changed, and its missing end reads as zeros',
    async (sizeBytes) => {
      const data = Buffer.alloc(sizeBytes, 'old');
      const file = fileWith(data);
      const opened = await target(file, { ...extending, purpose: 'dry run' });
      expect(opened.warnings).toEqual([
        `remote target ${file} would be extended from ${sizeBytes} to ${newBytes} bytes.`,
      ]);
      const wanted = Buffer.concat([data, Buffer.alloc(newBytes - sizeBytes)]);
      const whole = Buffer.alloc(newBytes, 'x');
      readFully(opened.handle, 0, whole);
      expect(whole.equals(wanted)).toBe(true);
      const view = openDiskView(opened.handle);
      onTestFinished(() => view.close());
      expect((await readInPieces(view.handle, 100_000)).equals(wanted)).toBe(true);
      expect((await readInPieces(view.handle, MiB)).equals(wanted)).toBe(true);
      expect(readFileSync(file).equals(data)).toBe(true);
    },
  );

  it('is an error if it becomes shorter', async () => {
    const file = fileWith(Buffer.alloc(2 * MiB, 'old'));
    const { handle } = await target(file, { ...extending, purpose: 'dry run' });
    writeFileSync(file, Buffer.alloc(MiB));
    const { message } = await failureOf(() => readFully(handle, 0, Buffer.alloc(newBytes)));
    expect(message).toContain(`ends at byte ${MiB}`);
    const view = openDiskView(handle);
    onTestFinished(() => view.close());
    const ended = await failureOf(() => readInPieces(view.handle, MiB));
    expect(ended.message).toContain(`ends at byte ${MiB}`);
  });
});

describe.skipIf(!isRoot)('a block device that is too small (needs root: loop devices)', () => {
  it.each(['write', 'dry run'] as const)(
    'is refused with advice, also in a %s that may extend',
    async (purpose) => {
      const disk = loopOver(fileOf(MiB));
      expect(await failureOf(() => target(disk, { ...extending, purpose }))).toEqual({
        code: 'refused',
        side: 'remote',
        device: disk,
        message:
          `remote target ${disk} is too small: it has ${MiB} bytes, and the source has ${newBytes}. ` +
          "Basyn can't extend a device: extend it by other means, or name a larger one.",
      });
    },
  );
});

describe('the name of an LVM volume', () => {
  const uuid = `LVM-${'aB3'.repeat(21)}x`;
  it.each([
    ['a volume', uuid, 'vg1-mail'],
    ['a hidden volume', `${uuid}-cow`, undefined],
    ['another mapping', 'CRYPT-LUKS2-0123-mail', undefined],
    ['a mapping without a uuid', '', undefined],
  ])('of %s', (_, mapperUuid, expected) => {
    const device = { number: '253:0', sizeBytes: MiB, mapperName: 'vg1-mail', mapperUuid };
    expect(logicalVolumeName('253:0', makeFakeSys(directory(), { 'dm-0': device }))).toBe(expected);
  });

  it('of a disk', () => {
    const sys = makeFakeSys(directory(), { sda: { number: '8:0', sizeBytes: MiB } });
    expect(logicalVolumeName('8:0', sys)).toBeUndefined();
  });
});

const extending = { sourceSizeBytes: newBytes, tooSmall: 'extend' } as const;

function extended(): Buffer {
  return Buffer.concat([Buffer.alloc(oldBytes, 'old'), Buffer.alloc(newBytes - oldBytes)]);
}

async function readInPieces(handle: DeviceHandle, pieceBytes: number): Promise<Buffer> {
  const reader = new PieceReader();
  const read: Buffer[] = [];
  reader.start(handle, cutAll([{ offsetBytes: 0, lengthBytes: handle.sizeBytes }], pieceBytes));
  try {
    while (reader.hasNext) read.push(Buffer.from(await reader.next()));
  } finally {
    await reader.stop();
  }
  return Buffer.concat(read);
}
