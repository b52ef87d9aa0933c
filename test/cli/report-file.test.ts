import { lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ReportFile } from '../../src/cli/report-file.ts';
import { scratchDirectory } from '../support/scratch.ts';

test('a report appears as a whole, and replaces an earlier one', () => {
  const directory = scratchDirectory();
  const path = join(directory, 'report.html');
  const file = ReportFile.prepare(path, '<!-- page -->');
  expect(readdirSync(directory)).toEqual([]);
  file.write('<!-- page --> first');
  ReportFile.prepare(path, '<!-- page -->').write('<!-- page --> second');
  expect(readFileSync(path, 'utf8')).toBe('<!-- page --> second');
  expect(readdirSync(directory)).toEqual(['report.html']);
});

test('a link to a report stays a link', () => {
  const directory = scratchDirectory();
  const path = join(directory, 'report.html');
  writeFileSync(path, '');
  symlinkSync(path, join(directory, 'latest.html'));
  ReportFile.prepare(join(directory, 'latest.html'), '<!-- page -->').write('<!-- page -->');
  expect(readFileSync(path, 'utf8')).toBe('<!-- page -->');
  expect(lstatSync(join(directory, 'latest.html')).isSymbolicLink()).toBe(true);
});

test('a file that is no report is refused, and stays as it is', () => {
  const path = join(scratchDirectory(), 'disk.img');
  writeFileSync(path, 'the only copy');
  expect(() => ReportFile.prepare(path, '<!-- page -->')).toThrow(
    `${path} exists, and is no earlier report: nothing was started, and the file is as it was.`,
  );
  expect(() => ReportFile.prepare('/dev/null', '<!-- page -->')).toThrow(
    '/dev/null exists, and is no earlier report',
  );
  expect(readFileSync(path, 'utf8')).toBe('the only copy');
});

test('a target that the run has created under this name is not replaced', () => {
  const path = join(scratchDirectory(), 'disk.img');
  const file = ReportFile.prepare(path, '<!-- page -->');
  writeFileSync(path, 'the new copy');
  expect(() => file.write('<!-- page -->')).toThrow('no report was written, and the file is as it was.');
  expect(readFileSync(path, 'utf8')).toBe('the new copy');
});

test('a directory that does not exist, or is a file, is found before the run', () => {
  const directory = scratchDirectory();
  expect(() => ReportFile.prepare(join(directory, 'none/report.html'), '')).toThrow(
    `The report ${directory}/none/report.html can't be written: no such file or device (ENOENT).`,
  );
  writeFileSync(join(directory, 'file'), '');
  expect(() => ReportFile.prepare(join(directory, 'file/report.html'), '')).toThrow('ENOTDIR');
});
