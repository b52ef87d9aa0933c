import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { propertyCases } from '../support/lab-cases.ts';
import { bufferBytes, inEveryFormat, problemWith, readText, runsIn } from './lists.fixture.ts';
import { geometryOf } from '../../src/digest/geometry.ts';
import { DetectingParser } from '../../src/list-formats/detect.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const blockBytes = 64 * KiB;
const sizeBytes = 64 * MiB + 5000;
const blockCount = Math.ceil(sizeBytes / blockBytes);

const ranges = fc.array(
  fc
    .record({ begin: fc.nat(blockCount - 1), length: fc.integer({ min: 1, max: 40 }) })
    .map(({ begin, length }) => ({ offsetBytes: begin * blockBytes, lengthBytes: length * blockBytes })),
  { maxLength: 60 },
);

describe('a list of changes', () => {
  test('names the same buffers in every format, in any order, wherever its parts are cut', () => {
    fc.assert(
      fc.property(ranges, fc.integer({ min: 1, max: 200 }), (given, partLength) => {
        const expected = runsOfBuffers(given);
        for (const [format, text] of Object.entries(inEveryFormat(given, blockBytes))) {
          const options = { eraBlockBytes: blockBytes, partLength };
          expect({ format, runs: runsIn(text, sizeBytes, options) }).toEqual({ format, runs: expected });
        }
      }),
      propertyCases(500),
    );
  });

  test('is refused wherever it is cut off, in every format', () => {
    const given = [0, 3, 9].map((begin) => ({
      offsetBytes: begin * blockBytes,
      lengthBytes: 2 * blockBytes,
    }));
    for (const [format, text] of Object.entries(inEveryFormat(given, blockBytes))) {
      const complete = text.trimEnd();
      // Lines can be cut off between two of them, which nobody can see.
      const isHarmless = (cut: string): boolean =>
        format === 'lines' && cut.endsWith('\n') && cut.includes('0 0');
      for (let length = 0; length < complete.length; length++) {
        const cut = complete.slice(0, length);
        if (isHarmless(cut)) continue;
        expect({ cut, problem: problemWith(cut, { eraBlockBytes: blockBytes }) }).not.toMatchObject({
          problem: 'nothing',
        });
      }
    }
  });

  test.each([
    ['[]'],
    [' [ ]\n'],
    ['<blocks>\n</blocks>\n'],
    ['<superblock data_block_size="128"><diff left="1" right="2"></diff></superblock>'],
    ['<superblock data_block_size="128"><diff><same begin="0" length="5"/></diff></superblock>'],
    ['0 0\n'],
    ['[{"offset":0,"length":1048576,"type":0,"description":"clean"}]'],
  ])('says that nothing has changed: %s', (text) => {
    expect(runsIn(text, MiB, { eraBlockBytes: 4096 })).toEqual([]);
  });

  test('is cut at the end of the source, where a tool rounds up', () => {
    expect(runsIn('1048576 4194304\n', MiB + 1)).toEqual([[16, 17]]);
  });

  test('that begins behind the end of the source belongs to another device', () => {
    const refusal = expect.objectContaining({ code: 'refused', offsetBytes: MiB });
    expect(() => runsIn(`0 1\n${MiB} 1\n`, MiB)).toThrow(refusal as Error);
    const clean = `[{"offset":${MiB},"length":1,"type":0,"description":"clean"}]`;
    expect(() => runsIn(clean, MiB)).toThrow(refusal as Error);
  });

  test('of a dirty bitmap that ends before the source says nothing about the rest, which is examined', () => {
    const text =
      '[{"offset":0,"length":65536,"type":1,"description":"dirty"},{"offset":65536,"length":131072,"type":0,"description":"clean"}]';
    expect(runsIn(text, MiB)).toEqual([
      [0, 1],
      [3, 16],
    ]);
  });

  test('of a dirty bitmap with a gap says nothing about the gap, which is examined', () => {
    const entry = (offset: number, length: number, type: 0 | 1): string =>
      `{"offset":${offset},"length":${length},"type":${type},"description":"${type === 1 ? 'dirty' : 'clean'}"}`;
    const entries = [entry(0, 65_536, 0), entry(65_536, 65_536, 1), entry(4 * 65_536, MiB - 4 * 65_536, 0)];
    expect(runsIn(`[${entries.join(',')}]`, MiB)).toEqual([[1, 4]]);
  });

  test('that names an offset behind the end belongs to another device, also without a length', () => {
    const refusal = expect.objectContaining({ code: 'refused', offsetBytes: 2 * MiB }) as Error;
    expect(() => runsIn(`0 1\n${2 * MiB} 0\n`, MiB)).toThrow(refusal);
  });

  test.each([
    ['comment', '<superblock data_block_size="128"><!-- '],
    ['attribute', '<superblock data_block_size="128" uuid="'],
    ['text', '<superblock data_block_size="128"><diff>'],
  ])('with an endless %s is refused before it fills the memory', (kind, start) => {
    const parser = new DetectingParser({ changed: () => undefined, unchanged: () => undefined }, undefined);
    parser.write(start);
    const part = (kind === 'text' ? ' ' : 'x').repeat(65_536);
    const write = (): void => {
      for (let count = 0; count < 64; count++) parser.write(part);
    };
    expect(write).toThrow(/has more than 1048576 characters without a complete element in line 1/);
  });

  test('of a million ranges is read in bounded time', () => {
    const count = 1_000_000;
    const text = Array.from(
      { length: count },
      (_, index) => `{"offset":${index * 4 * MiB},"length":4096,"exists":"true"}`,
    );
    const coverage = readText(`[${text.join(',\n')}]`).coverageOf(
      geometryOf(count * 4 * MiB, bufferBytes, 4096),
    );
    expect(coverage.bufferCount).toBeGreaterThanOrEqual(count);
  });
});

describe('a list is refused', () => {
  test.each([
    ['that is empty', '', 'is empty'],
    ['that is blank', ' \n\n', 'is empty'],
    ['that has comments only', '# nothing\n', 'has no range'],
    ['in an unknown format', 'images: []', 'in no known format'],
    ['that is an object of other JSON', '{"images":[]}', 'has the offset (none) in line 1'],
    ['that is binary', '\0\0\0', 'in no known format'],
    ['with one number in a line', '4096\n', 'has 1 words in line 1'],
    ['with three numbers in a line', '0 1 2\n', 'has 3 words in line 1'],
    ['with a negative offset', '0 1\n-1 5\n', 'has the offset "-1" in line 2'],
    ['with a negative length', '0 -1\n', 'has the length "-1" in line 1'],
    ['with a hexadecimal number', '0 1\n0x1000 5\n', 'has the offset "0x1000" in line 2'],
    ['with a fraction', '0 1.5\n', 'has the length "1.5"'],
    ['with a number that is not exact', '9007199254740993 1\n', 'has the offset'],
    ['with an end that is not exact', '9007199254740991 1\n', 'ends behind 2^53 - 1'],
    ['with a line without an end', '0 4096', 'line 1 may have been cut off'],
    ['with an endless line', '0 1 '.padEnd(5000, 'x'), 'more than 4096 characters'],
    ['with text behind it', '[]\n[]', 'behind the end of the list'],
    ['with a comma at the end', '[{"offset":0,"length":1,"exists":"true"},]', 'has "]" behind element 1'],
    [
      'without a comma',
      '[{"offset":0,"length":1,"exists":"true"}{"offset":0,"length":1,"exists":"true"}]',
      'is not JSON',
    ],
    ['with an element that is no object', '[1]', 'has "1" at its start'],
    ['with a list in it', '[[{"offset":0,"length":1,"exists":"true"}]]', 'has "[" at its start'],
    ['with a text as a number', '[{"offset":"0","length":1,"exists":"true"}]', 'that is a text'],
    ['with a fraction in JSON', '[{"offset":0.5,"length":1,"exists":"true"}]', 'has the offset 0.5'],
    ['with a negative length in JSON', '[{"offset":0,"length":-1,"exists":"true"}]', 'has the length -1'],
    ['without a length', '[{"offset":0,"exists":"true"}]', 'has the length (none)'],
    ['with an unknown "exists"', '[{"offset":0,"length":1,"exists":"perhaps"}]', 'neither true nor false'],
    ['without a known field', '[{"offset":0,"length":1}]', 'is neither rbd diff'],
    [
      'that mixes formats',
      '[{"offset":0,"length":1,"exists":"true"},{"offset":0,"length":1,"type":1,"description":"dirty"}]',
      'is neither',
    ],
    [
      'that is a map of allocations',
      '[{"offset":0,"length":1,"type":3,"description":"hole,zero"}]',
      'not the map of a dirty bitmap',
    ],
    [
      'that is a map of data',
      '[{"offset":0,"length":1,"type":0,"description":"data"}]',
      'not the map of a dirty bitmap',
    ],
    [
      'that qemu-img made',
      '[{ "start": 0, "length": 1, "depth": 0, "present": true, "zero": false, "data": false, "offset": 0}]',
      'qemu-img',
    ],
    ['without the size of its blocks', '<blocks></blocks>', 'how large they are'],
    ['without a data_block_size', '<superblock><diff></diff></superblock>', 'has the data_block_size (none)'],
    [
      'with a data_block_size of 0',
      '<superblock data_block_size="0"><diff/></superblock>',
      'data_block_size of 0',
    ],
    ['without a diff', '<superblock data_block_size="128"></superblock>', 'has no element "diff"'],
    [
      'with an unknown element',
      '<superblock data_block_size="128"><diff><other begin="0" length="1"/></diff></superblock>',
      'unknown element "other"',
    ],
    [
      'that is other metadata',
      '<superblock data_block_size="128"><device dev_id="1"/></superblock>',
      'unknown element "device"',
    ],
    ['that is other XML', '<html></html>', 'unknown element "html"'],
    [
      'with XML behind it',
      '<superblock data_block_size="128"><diff/></superblock><superblock/>',
      'is not complete XML',
    ],
    ['with text in XML', '<superblock data_block_size="128"><diff>oops</diff></superblock>', 'has text'],
    [
      'with a range without a begin',
      '<superblock data_block_size="128"><diff><different length="1"/></diff></superblock>',
      'has the begin (none)',
    ],
  ])('%s', (_, text, words) => {
    expect(problemWith(text)).toContain(words);
  });

  test('with a range that ends before it begins', () => {
    const text = '<blocks><range begin="5" end="4"/></blocks>';
    expect(problemWith(text, { eraBlockBytes: 4096 })).toContain('ends before it begins');
  });
});

/** The runs of buffers of which a range has a byte. */
function runsOfBuffers(given: readonly { offsetBytes: number; lengthBytes: number }[]): number[][] {
  const indexes = new Set<number>();
  for (const { offsetBytes, lengthBytes } of given) {
    const endBytes = Math.min(offsetBytes + lengthBytes, sizeBytes);
    for (let at = Math.floor(offsetBytes / bufferBytes); at * bufferBytes < endBytes; at++) indexes.add(at);
  }
  const runs: number[][] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last?.[1] === index) last[1]++;
    else runs.push([index, index + 1]);
  }
  return runs;
}
