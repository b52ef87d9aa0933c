import { existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectSentence, expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import { runOptions } from '../support/disks.ts';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { someWays, type Way } from '../support/ways.ts';

const server = useSshServer();
const basyn = useBasyn();
const MiB = 1024 * 1024;

function args({ where, action, mode }: Way, source: string, target: string): string[] {
  const host = where === 'here' ? [] : hostOptions(server());
  return [...runOptions(action, mode, { source, target }), ...host];
}

describe.each(someWays)('$action $mode $where', (way) => {
  test('creates a missing file of the source’s size, with holes in place of zeros', async () => {
    const bytes = Buffer.concat([mixedBytes(300_001, 1), Buffer.alloc(6 * MiB), mixedBytes(100_000, 2)]);
    const source = scratchFile(bytes);
    const target = join(scratchDirectory(), 'new.img');
    expectSilence(await basyn.run([...args(way, source, target), '--create', '--recheck']));
    expect(readFileSync(target).equals(bytes)).toBe(true);
    expect(allocatedBytes(target)).toBeLessThan(2 * MiB);
  });
});

describe.each(someWays.filter(({ mode }) => mode === 'SYNC'))('$action $where', (way) => {
  test('of zeros only creates a file that uses no space', async () => {
    const source = scratchFile(Buffer.alloc(8 * MiB));
    const target = join(scratchDirectory(), 'new.img');
    expectSilence(await basyn.run([...args(way, source, target), '--create']));
    expect(statSync(target).size).toBe(8 * MiB);
    expect(allocatedBytes(target)).toBeLessThan(64 * 1024);
  });

  test('to a missing file without --create is refused, and creates nothing', async () => {
    const source = scratchFile(Buffer.alloc(1000));
    const target = join(scratchDirectory(), 'missing.img');
    const result = await basyn.run(args(way, source, target));
    const side = way.where === 'here' ? '' : way.action === 'PUSH' ? 'remote ' : 'local ';
    const remedy = 'To create it as a regular file, add --create.';
    const sentences = `${side}target ${target} does not exist. ${remedy}`;
    expectSentence(result, 2, sentences);
    const { stdout } = await basyn.run([...args(way, source, target), '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'error', message: sentences, remedy: 'create' });
    expect(existsSync(target)).toBe(false);
  });

  test('to a missing file under /dev is refused even with --create', async () => {
    const target = '/dev/basyn-test-no-such-device';
    const result = await basyn.run([...args(way, scratchFile(Buffer.alloc(1000)), target), '--create']);
    expectSentence(result, 2, /not created under \/dev/);
    expect(existsSync(target)).toBe(false);
  });

  test('to a missing file in a dry run only reports what it would do', async () => {
    const target = join(scratchDirectory(), 'new.img');
    const source = scratchFile(mixedBytes(100_000, 1));
    const result = await basyn.run([...args(way, source, target), '--create', '--dry-run']);
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toMatch(
      /^dry run: \d+ bytes .* would be sent and written; nothing was changed\.\n$/,
    );
    expect(result.stderr).toMatch(/^basyn: warning: (\w+ )?target .*new\.img would be created\.\n$/);
    expect(existsSync(target)).toBe(false);
  });
});

test.each<[string, (directory: string) => string, RegExp]>([
  [
    'in a directory that does not exist',
    (directory) => join(directory, 'none', 'new.img'),
    /directory .* does not exist/,
  ],
  [
    'behind a dangling symbolic link',
    (directory) => {
      symlinkSync('/no/such/file', join(directory, 'link'));
      return join(directory, 'link');
    },
    /symbolic link to \/no\/such\/file/,
  ],
])('a file %s is not created', async (_, where, words) => {
  const way: Way = { where: 'here', action: 'PUSH', mode: 'COPY' };
  const target = where(scratchDirectory());
  const result = await basyn.run([...args(way, scratchFile(Buffer.alloc(10)), target), '--create']);
  expectSentence(result, 2, words);
});

test('an existing file keeps its bytes beyond the source’s size, even with --create', async () => {
  const way: Way = { where: 'here', action: 'PUSH', mode: 'COPY' };
  const target = scratchFile(Buffer.alloc(2000, 'old'));
  expectSilence(await basyn.run([...args(way, scratchFile(Buffer.alloc(1000, 'new')), target), '--create']));
  expect(readFileSync(target)).toEqual(
    Buffer.concat([Buffer.alloc(1000, 'new'), Buffer.alloc(2000, 'old').subarray(1000)]),
  );
});

function allocatedBytes(path: string): number {
  return statSync(path).blocks * 512;
}
