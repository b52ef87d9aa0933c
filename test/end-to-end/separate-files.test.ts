import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { CommandResult } from '../../rig/processes/command.ts';
import { expectSentence, expectSilence, useBasyn } from '../support/basyn.ts';
import { scratchDirectory } from '../support/scratch.ts';

const basyn = useBasyn();

let root = '';
beforeEach(() => {
  root = scratchDirectory();
  writeFileSync(join(root, 'source'), Buffer.alloc(100_000, 'a'));
  mkdirSync(join(root, 'directory'));
  symlinkSync('directory', join(root, 'link'));
});

function run(...more: string[]): Promise<CommandResult> {
  const devices = [`--local=${root}/source`, `--remote=${root}/directory/target`];
  return basyn.run([...devices, '--action=PUSH', '--mode=SYNC', '--create', ...more]);
}

const written = [
  ['bitmap', 'state file'],
  ['ranges', 'list of ranges'],
  ['metrics', 'file of metrics'],
  ['report', 'report'],
] as const;

test.each(written)('--%s must not be a device of the run under any name', async (option, what) => {
  const target = join(root, 'link/target');
  expectSentence(
    await run(`--${option}=${target}`),
    1,
    `The remote device ${root}/directory/target is also the ${what} under the name ${target}: name another file.`,
  );
  const source = `${root}/link/../source`;
  expectSentence(
    await run(`--${option}=${source}`),
    1,
    /^basyn: The .* is also the local device under the name /,
  );
  expect(existsSync(target)).toBe(false);
});

test('a report does not replace an earlier one that is the source', async () => {
  expectSilence(await run(`--report=${root}/page.html`));
  const page = readFileSync(join(root, 'page.html'));
  const copy = [
    `--local=${root}/page.html`,
    `--remote=${root}/copy`,
    '--action=PUSH',
    '--mode=COPY',
    '--create',
  ];
  expectSentence(await basyn.run([...copy, `--report=${root}/page.html`]), 1, /is also the local device/);
  expect(readFileSync(join(root, 'page.html')).equals(page)).toBe(true);
});

test('no two files of a run may be one', async () => {
  for (const [one] of written) {
    for (const [other] of written) {
      if (one === other) continue;
      const result = await run(`--${one}=${root}/link/new`, `--${other}=${root}/directory/new`);
      expectSentence(result, 1, /^basyn: The .* is also the .*: name another file\.$/);
    }
  }
  expect(existsSync(join(root, 'directory/target'))).toBe(false);
});

test.each([
  ['the file of jobs itself', 'night.toml', /^basyn: The remote device .* of job a is also the file of jobs/],
  ['the page', 'page.html', /^basyn: The remote device .* of job a is also the report/],
  ['the list of ranges of another job', 'link/ranges', /of job a is also the list of ranges of job b/],
])('a job must not write to %s', async (_name, target, problem) => {
  const file = join(root, 'night.toml');
  const jobs = `
    [defaults]
    local = "${root}/source"
    action = "PUSH"
    mode = "SYNC"
    create = true
    grow = true
    [jobs.a]
    remote = "${root}/${target}"
    [jobs.b]
    remote = "${root}/other"
    ranges = "${root}/directory/ranges"
  `;
  writeFileSync(file, jobs);
  const env = { ...process.env, STATE_DIRECTORY: root };
  expectSentence(await basyn.run([`--jobs=${file}`, `--report=${root}/page.html`], { env }), 1, problem);
  expect(readFileSync(file, 'utf8')).toBe(jobs);
  expect(existsSync(join(root, 'other'))).toBe(false);
});
