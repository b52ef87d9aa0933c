import { geometryOf } from '../../src/digest/geometry.ts';
import { ListProblem, type ListParser } from '../../src/list-formats/list-parser.ts';
import { ChangeList } from '../../src/changed/change-list.ts';
import { DetectingParser } from '../../src/list-formats/detect.ts';
import { runsOf } from '../../src/session/coverage.ts';

export interface GivenRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export const bufferBytes = 64 * 1024;

/** The runs of buffers that a list names, of a device of this size. */
export function runsIn(text: string, sizeBytes: number, options: ReadOptions = {}): number[][] {
  const coverage = readText(text, options).coverageOf(geometryOf(sizeBytes, bufferBytes, 4096));
  return [...runsOf(coverage)].map(({ firstIndex, endIndex }) => [firstIndex, endIndex]);
}

export interface ReadOptions {
  readonly eraBlockBytes?: number;
  /** Where the text is cut. */
  readonly partLength?: number;
}

export function readText(text: string, { eraBlockBytes, partLength = 65_536 }: ReadOptions = {}): ChangeList {
  const list = new ChangeList('list of changes', bufferBytes);
  const parser: ListParser = new DetectingParser(list, eraBlockBytes);
  for (let at = 0; at < text.length; at += partLength) parser.write(text.slice(at, at + partLength));
  parser.end();
  return list;
}

/** What is wrong with a list. */
export function problemWith(text: string, options: ReadOptions = {}): string {
  try {
    readText(text, options);
  } catch (error) {
    if (error instanceof ListProblem) return error.message;
    throw error;
  }
  return 'nothing';
}

/** The same ranges, which consist of whole blocks, in each format. */
export function inEveryFormat(ranges: readonly GivenRange[], blockBytes: number): Record<string, string> {
  const blocks = ranges.map(({ offsetBytes, lengthBytes }) => ({
    begin: offsetBytes / blockBytes,
    length: lengthBytes / blockBytes,
  }));
  const kinds = ['different', 'left_only', 'right_only'];
  const json = (elements: readonly string[]): string => `[${elements.join(',')}]`;
  return {
    lines: [
      '# a comment',
      '',
      '0 0',
      ...ranges.map((each) => `${each.offsetBytes} ${each.lengthBytes}`),
      '',
    ].join('\n'),
    rbd: json(
      ranges.map(
        (each, index) =>
          `{"offset":${each.offsetBytes},"length":${each.lengthBytes},"exists":"${index % 2 === 0}"}`,
      ),
    ),
    nbdinfo: `${json(
      ranges.map(
        (each) =>
          `\n{ "offset": ${each.offsetBytes}, "length": ${each.lengthBytes}, "type": 1, "description": "dirty"}`,
      ),
    )}\n`,
    thin_delta: [
      `<superblock uuid="" time="2" transaction="3" data_block_size="${blockBytes / 512}" nr_data_blocks="0">`,
      '  <diff left="1" right="2">',
      '    <same begin="0" length="1000"/>',
      ...blocks.map(
        ({ begin, length }, index) => `    <${kinds[index % 3]} begin="${begin}" length="${length}"/>`,
      ),
      '  </diff>',
      '</superblock>',
      '',
    ].join('\n'),
    'thin_delta --verbose': [
      `<superblock uuid="" time="2" transaction="3" data_block_size="${blockBytes / 512}" nr_data_blocks="0">`,
      '<diff left="1" right="2"><same><range begin="0" data_begin="0" length="1000"/></same>',
      ...blocks.map(
        ({ begin, length }, index) =>
          `<${kinds[index % 3]}><range begin="${begin}" left_data_begin="2" right_data_begin="30" length="${length}"/></${kinds[index % 3]}>`,
      ),
      '</diff></superblock>',
    ].join('\n'),
    era_invalidate: [
      '<blocks>',
      ...blocks.map(({ begin, length }) =>
        length === 1
          ? `  <block block="${begin}"/>`
          : `  <range begin="${begin}" end = "${begin + length}"/>`,
      ),
      '</blocks>',
      '',
    ].join('\n'),
  };
}
