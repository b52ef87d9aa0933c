import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { fileKeyAt, requireSeparateFiles, type NamedFile } from '../src/separate-files.ts';
import { usageMessage } from './cli/output.fixture.ts';
import { isRoot } from './support/loop-device.ts';
import { scratchDirectory } from './support/scratch.ts';

let root = '';
beforeEach(() => {
  root = scratchDirectory();
  mkdirSync(join(root, 'directory'));
  writeFileSync(join(root, 'directory/file'), '');
  symlinkSync('directory', join(root, 'link'));
});

describe('the names of one file have one key', () => {
  test.each([
    ['a path that is written differently', 'directory//../directory/./file', 'directory/file'],
    ['a link to it', 'soft', 'directory/file'],
    ['another hard link', 'hard', 'directory/file'],
    ['a link to its directory', 'link/file', 'directory/file'],
    ['a link to the directory of a file that does not exist yet', 'link/new', 'directory/new'],
    ['a link to a file that does not exist yet', 'dangling', 'directory/new'],
    ['a link to a link to a file that does not exist yet', 'dangling twice', 'directory/new'],
  ])('%s', (_name, alias, path) => {
    symlinkSync('directory/file', join(root, 'soft'));
    linkSync(join(root, 'directory/file'), join(root, 'hard'));
    symlinkSync('link/new', join(root, 'dangling'));
    symlinkSync('dangling', join(root, 'dangling twice'));
    expect(fileKeyAt(join(root, alias))).toBe(fileKeyAt(join(root, path)));
  });

  test.skipIf(!isRoot)('a directory that is mounted elsewhere as well (needs root)', () => {
    const mounted = join(root, 'mounted');
    mkdirSync(mounted);
    execFileSync('mount', ['--bind', join(root, 'directory'), mounted]);
    onTestFinished(() => void execFileSync('umount', [mounted]));
    for (const name of ['file', 'new']) {
      expect(fileKeyAt(join(mounted, name))).toBe(fileKeyAt(join(root, 'directory', name)));
    }
  });
});

test('different files, and links that lead in a circle, have different keys', () => {
  symlinkSync('circle b', join(root, 'circle a'));
  symlinkSync('circle a', join(root, 'circle b'));
  const names = ['directory', 'directory/file', 'directory/new', 'new', 'none/new', 'circle a', 'circle b'];
  expect(new Set(names.map((name) => fileKeyAt(join(root, name)))).size).toBe(names.length);
});

describe('a file that is written', () => {
  const file = (what: string, name: string, more: Partial<NamedFile> = {}): NamedFile => ({
    what,
    path: join(root, name),
    kind: 'file',
    use: 'written',
    ...more,
  });

  test('must have no other use', () => {
    const report = file('report', 'link/new');
    const source = file('local device', 'directory/new', { kind: 'device', use: 'read', job: 'mail' });
    expect(usageMessage(() => requireSeparateFiles([source, report]))).toBe(
      `The report ${report.path} is also the local device of job mail under the name ${source.path}: name another file.`,
    );
  });

  test('may be in the directory of another, and two may read one file', () => {
    const read = { use: 'read' } as const;
    requireSeparateFiles([file('report', 'new'), file('state file', 'directory/new')]);
    requireSeparateFiles([file('list of changes', 'new', read), file('list of changes', 'new', read)]);
  });
});
