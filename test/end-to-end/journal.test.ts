import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { useBasyn } from '../support/basyn.ts';
import { scratchDirectory } from '../support/scratch.ts';

const basyn = useBasyn();

/** Runs a command that fails, with stdout and stderr in files of which one counts as the journal. */
function failingRun(journal: 'stdout' | 'stderr' | 'neither'): { stdout: string; stderr: string } {
  const directory = scratchDirectory();
  const paths = { stdout: join(directory, 'stdout'), stderr: join(directory, 'stderr') };
  const fds = { stdout: openSync(paths.stdout, 'w'), stderr: openSync(paths.stderr, 'w') };
  onTestFinished(() => [fds.stdout, fds.stderr].forEach(closeSync));
  const { dev, ino } = fstatSync(journal === 'neither' ? 0 : fds[journal], { bigint: true });
  const args = ['--local=/none/a', '--remote=/none/b', '--verbose'];
  const env = { ...process.env, JOURNAL_STREAM: `${dev}:${ino}` };
  expect(spawnSync(basyn.executable, args, { env, stdio: ['ignore', fds.stdout, fds.stderr] }).status).toBe(
    2,
  );
  return { stdout: readFileSync(paths.stdout, 'utf8'), stderr: readFileSync(paths.stderr, 'utf8') };
}

describe('a stream that JOURNAL_STREAM names', () => {
  test('gets the level of each line', () => {
    const { stdout, stderr } = failingRun('stderr');
    expect(stderr).toMatch(/^<3>basyn: .*\n$/);
    expect(stdout).toMatch(/^\d{4}-/);
    expect(failingRun('stdout').stdout).toMatch(/^<6>\d{4}-.*\n<6>\d{4}-/);
  });

  test('is not the one that was redirected since', () => {
    const { stdout, stderr } = failingRun('neither');
    expect(stderr).toMatch(/^basyn: /);
    expect(stdout).toMatch(/^\d{4}-/);
  });
});
