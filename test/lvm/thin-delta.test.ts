import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { parseBase, type Base } from '../../src/lvm/thin/base.ts';
import { problemOf } from '../../src/lvm/thin/chain.ts';
import { ListProblem } from '../../src/list-formats/list-parser.ts';
import { blockSectorsIn, mappedSectorsIn } from '../../src/lvm/thin/mapped-blocks.ts';
import { contradictionIn, problemOfVersion, readList } from '../../src/lvm/thin/thin-delta.ts';
import { baseNameOf } from '../../src/lvm/tags.ts';
import type { Volume } from '../../src/lvm/volume.ts';

/** As thin_delta 0.9.0 prints it. */
const complete = `<superblock uuid="" time="1" transaction="2" data_block_size="128" nr_data_blocks="0">
  <diff left="2" right="3">
    <same begin="0" length="5"/>
    <different begin="5" length="2"/>
    <left_only begin="7" length="1"/>
    <right_only begin="9" length="3"/>
  </diff>
</superblock>
`;
const block = 65_536;

/** @returns the changed ranges, in blocks, or the problem of the list. */
async function rangesIn(text: string, partCharacters = text.length || 1): Promise<number[][] | string> {
  async function* parts(): AsyncGenerator<Buffer> {
    for (let at = 0; at < text.length; at += partCharacters) {
      yield Buffer.from(text.slice(at, at + partCharacters));
    }
  }
  const ranges: number[][] = [];
  const answer = await readList(parts(), {
    changed: (offsetBytes, lengthBytes) => ranges.push([offsetBytes / block, lengthBytes / block]),
    unchanged: () => undefined,
  });
  return answer instanceof ListProblem ? answer.message : ranges;
}

describe('the list of thin_delta', () => {
  test.each([1, 2, 7, 100, 10_000])('is read in parts of %i characters', async (partCharacters) => {
    expect(await rangesIn(complete, partCharacters)).toEqual([
      [5, 2],
      [7, 1],
      [9, 3],
    ]);
  });

  test('may be empty', async () => {
    expect(await rangesIn(complete.replace(/ {4}<.*\n/g, ''))).toEqual([]);
  });

  test('is refused wherever it is cut', async () => {
    for (let length = 0; length < complete.trimEnd().length; length++) {
      expect(await rangesIn(complete.slice(0, length)), `${length} characters`).toMatch(/complete/);
    }
  });

  test.each([
    ['an unknown element', complete.replace('<same', '<moved')],
    ['a block size of 0', complete.replace('"128"', '"0"')],
    ['a block size that no pool has', complete.replace('"128"', '"1"')],
    ['a range of no blocks', complete.replace('length="2"', 'length="0"')],
    ['no block size', complete.replace('data_block_size', 'block_size')],
    ['a negative begin', complete.replace('begin="5"', 'begin="-5"')],
    ['an enormous range', complete.replace('length="2"', 'length="9999999999999999"')],
    ['two lists', complete + complete],
    ['text between the elements', complete.replace('<different', 'x <different')],
    ['two ends', complete.replace('</diff>', '</diff></diff>')],
    ['an error in place of the list', 'thin_delta: no such device\n'],
  ])('is refused with %s', async (_what, text) => {
    expect(await rangesIn(text)).toMatch(/^(has|is) /);
  });
});

describe('a list that is complete XML', () => {
  const expected = { olderId: 2, newerId: 3, olderBlocks: 8, newerBlocks: 10, blockBytes: block };

  test('is accepted if it fits the two volumes', async () => {
    expect(await contradictionOf(complete)).toBeUndefined();
  });

  test.each([
    ['is about other volumes', complete.replace('right="3"', 'right="4"'), /about the volumes 2 and 4/],
    ['names no volumes', complete.replace('left="2" right="3"', ''), /about the volumes undefined/],
    ['counts in other blocks', complete.replace('"128"', '"256"'), /blocks of 131072 bytes/],
    [
      'lacks what differs',
      complete.replace(/.*<different.*\n/, ''),
      /8 blocks of the new snapshot, which holds 10/,
    ],
    [
      'lacks what was discarded in both',
      complete.replace(/.*<left_only.*\n/, ''),
      /7 blocks of the base, which held 8/,
    ],
  ])('is refused if it %s', async (_what, text, problem) => {
    expect(await contradictionOf(text)).toMatch(problem);
  });

  async function contradictionOf(text: string): Promise<string | undefined> {
    const listener = { changed: () => undefined, unchanged: () => undefined };
    const answer = await readList(Readable.from([Buffer.from(text)]), listener);
    if (answer instanceof ListProblem) throw answer;
    return contradictionIn(answer, expected);
  }
});

test.each([
  ['0 16384 thin 8192 16383\n', 8192],
  ['0 16384 thin 0 -\n', 0],
  ['0 16384 thin Fail\n', undefined],
  ['', undefined],
])('the mapped sectors in the status %j', (status, sectors) => {
  expect(mappedSectorsIn(status)).toBe(sectors);
});

test.each([
  ['0 65536 thin-pool 254:1 254:2 128 0 0 \n', 128],
  ['0 65536 linear 254:1 0\n', undefined],
  ['', undefined],
])('the block size in the table %j', (table, sectors) => {
  expect(blockSectorsIn(table)).toBe(sectors);
});

test.each([
  ['0.9.0', undefined],
  ['1.0.0', /can miss changes/],
  ['thin_delta 1.0.3\n', /thin_delta 1\.0\.3 can miss changes: install 1\.0\.6 or newer/],
  ['1.0.5', /can miss changes/],
  ['1.0.6', undefined],
  ['1.0.12', undefined],
  ['1.1.0', undefined],
  ['unknown', /unknown/],
])('version %j of thin_delta', (output, problem) => {
  if (problem === undefined) expect(problemOfVersion(output)).toBeUndefined();
  else expect(problemOfVersion(output)).toMatch(problem);
});

describe('a base', () => {
  const volume: Volume = {
    groupName: 'vg0',
    groupUuid: 'group',
    name: 'mail-basyn-base-01234567',
    uuid: 'older',
    devicePath: '',
    sizeBytes: 100,
    kind: 'thin',
    poolName: 'pool',
    poolUuid: 'pool-uuid',
    originUuid: 'origin',
    isClassicSnapshot: false,
    isInvalid: false,
    isMerging: false,
    isReadOnly: true,
    isActive: false,
    isOpen: false,
    isShared: false,
    tags: ['basyn', 'basyn.base'],
    dataPercent: 0,
    metadataPercent: 0,
    groupFreeBytes: 0,
  };
  const newer = { ...volume, name: 'mail-basyn-89abcdef', uuid: 'newer' };
  const base: Base = {
    groupName: 'vg0',
    groupUuid: 'group',
    uuid: 'older',
    name: volume.name,
    originUuid: 'origin',
    poolUuid: 'pool-uuid',
    sizeBytes: 100,
  };

  test('can be compared with a new snapshot of the same volume', () => {
    expect(problemOf(base, [volume, newer], newer)).toBeUndefined();
    expect(problemOf(base, [volume, { ...newer, sizeBytes: 200 }], newer)).toBeUndefined();
  });

  test.each([
    ['that is gone', [newer], /^it is gone$/],
    ['whose name another volume has', [{ ...volume, uuid: 'another' }, newer], /another volume has its name/],
    ['that is writable', [{ ...volume, isReadOnly: false }, newer], /not read-only/],
    ['whose volume was rolled back', [{ ...volume, originUuid: '' }, newer], /rolled back/],
    ['of another volume', [{ ...volume, originUuid: 'x' }, newer], /another volume/],
    ['in another group', [{ ...volume, groupUuid: 'x' }, newer], /another volume group/],
    ['in another pool', [{ ...volume, poolUuid: 'x' }, newer], /another pool/],
    ['that has another size', [{ ...volume, sizeBytes: 90 }, newer], /size has changed/],
    ['that is merged', [{ ...volume, isMerging: true }, newer], /merged/],
    [
      'when the new snapshot was taken of the base',
      [volume, { ...newer, originUuid: 'older' }],
      /another volume/,
    ],
    [
      'when the new snapshot is writable',
      [volume, { ...newer, isReadOnly: false }],
      /new snapshot is not read-only/,
    ],
    ['when the new snapshot is gone', [volume], /new snapshot is gone/],
  ])('%s is refused', (_what, volumes, problem) => {
    expect(problemOf(base, volumes, newer)).toMatch(problem);
  });

  test('is recorded as plain JSON, and nothing else is accepted', () => {
    expect(parseBase(JSON.parse(JSON.stringify(base)))).toEqual(base);
    for (const other of [
      null,
      'base',
      { ...base, uuid: 1 },
      { ...base, groupName: '-o' },
      { ...base, name: 'a b' },
    ]) {
      expect(parseBase(other)).toBeUndefined();
    }
  });

  test('has a name of its own', () => {
    expect(baseNameOf({ name: 'mail-basyn-01234567' })).toBe('mail-basyn-base-01234567');
  });
});
