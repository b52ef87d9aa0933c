import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runCommand } from '../../rig/processes/command.ts';
import { expectSentence, hostOptions, jsonLines, jsonPhases, useBasyn } from '../support/basyn.ts';
import { runOptions } from '../support/disks.ts';
import { allocatedBytes } from '../support/file-systems.ts';
import { isRoot, mountTmpfs } from '../support/loop-device.ts';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { someWays, type Way } from '../support/ways.ts';

const server = useSshServer();
const basyn = useBasyn();
const MiB = 1024 * 1024;

/** The end of the source: data, a range of zeros, data, and an end within a page. */
const tail = Buffer.concat([mixedBytes(100_001, 2), Buffer.alloc(2 * MiB), mixedBytes(50_000, 3)]);
const head = mixedBytes(300_003, 1);
const whole = Buffer.concat([head, tail]);

function args({ where, action, mode }: Way, source: string, target: string): string[] {
  const host = where === 'here' ? [] : hostOptions(server());
  return [...runOptions(action, mode, { source, target }), ...host];
}

function nameOf({ where, action }: Way, target: string): string {
  const side = where === 'here' ? '' : action === 'PUSH' ? 'remote ' : 'local ';
  return `${side}target ${target}`;
}

describe.each(someWays)('$action $mode $where', (way) => {
  test('--grow extends a smaller file first, and reports both sizes', async () => {
    const [source, target] = [scratchFile(whole), scratchFile(head)];
    const result = await basyn.run([...args(way, source, target), '--grow', '--recheck']);
    const change = `was extended from ${head.length} to ${whole.length} bytes`;
    expect({ ...result }).toMatchObject({
      exitCode: 0,
      stdout: '',
      stderr: `basyn: warning: ${nameOf(way, target)} ${change}.\n`,
    });
    expect(readFileSync(target).equals(whole)).toBe(true);
    // Nothing is left to extend.
    const again = await basyn.run([...args(way, source, target), '--grow', '--json']);
    expect(jsonLines(again).filter(({ type }) => type === 'warning')).toEqual([]);
  });

  test('a dry run with --grow extends nothing, and compares the missing end as zeros', async () => {
    const [source, target] = [scratchFile(whole), scratchFile(head)];
    const dryRun = await basyn.run([...args(way, source, target), '--grow', '--dry-run', '--json']);
    expect(dryRun.exitCode).toBe(0);
    const change = `would be extended from ${head.length} to ${whole.length} bytes`;
    expect(dryRun.stderr).toBe(`basyn: warning: ${nameOf(way, target)} ${change}.\n`);
    expect(readFileSync(target).equals(head)).toBe(true);
    const real = await basyn.run([...args(way, source, target), '--grow', '--json']);
    const [would] = jsonPhases(dryRun);
    const [did] = jsonPhases(real);
    expect(would).toMatchObject({ differingBytes: did!.differingBytes, writtenBytes: 0 });
    if (way.mode === 'SYNC') expect(did!.differingBytes).toBeLessThan(whole.length - head.length - MiB);
  });
});

describe.each(someWays.filter(({ mode }) => mode === 'SYNC'))('$action $where', (way) => {
  test.each([
    { option: '--grow', sparse: 'never', isAllocated: true },
    { option: '--create', sparse: 'never', isAllocated: true },
    { option: '--grow', sparse: 'auto', isAllocated: false },
  ])('$option with --sparse=$sparse: the new end has blocks: $isAllocated', async (one) => {
    const sourceBytes = Buffer.concat([head, Buffer.alloc(4 * MiB)]);
    const source = scratchFile(sourceBytes);
    const target = one.option === '--grow' ? scratchFile(head) : join(scratchDirectory(), 'new');
    const result = await basyn.run([...args(way, source, target), one.option, `--sparse=${one.sparse}`]);
    expect(result.exitCode).toBe(0);
    expect(readFileSync(target).equals(sourceBytes)).toBe(true);
    expect(allocatedBytes(target) >= sourceBytes.length).toBe(one.isAllocated);
  });

  test('a target that is too small is refused without --grow, and the error names it', async () => {
    const [source, target] = [scratchFile(whole), scratchFile(head)];
    const remedy = 'To extend the file to the size of the source, add --grow.';
    const sizes = `it has ${head.length} bytes, and the source has ${whole.length}`;
    const sentences = `${nameOf(way, target)} is too small: ${sizes}. ${remedy}`;
    expectSentence(await basyn.run(args(way, source, target)), 2, sentences);
    const { stdout } = await basyn.run([...args(way, source, target), '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'error', code: 'refused', remedy: 'grow' });
    expect(statSync(target).size).toBe(head.length);
  });

  test.skipIf(!isRoot)(
    'a failure after the extension leaves the larger file, which the next run completes (needs root: tmpfs)',
    async () => {
      const directory = join(scratchDirectory(), 'full');
      onTestFinished(mountTmpfs(directory, MiB));
      const [source, target] = [scratchFile(mixedBytes(2 * MiB, 5)), join(directory, 'target')];
      writeFileSync(target, head);
      const result = await basyn.run([...args(way, source, target), '--grow']);
      expect(result.exitCode).toBe(2);
      expect(result.stderr).toMatch(/cannot write .*no space left on device \(ENOSPC\)/);
      expect(statSync(target).size).toBe(2 * MiB);
      execFileSync('mount', ['-o', 'remount,size=4m', directory]);
      expect(await basyn.run([...args(way, source, target), '--grow'])).toMatchObject({
        exitCode: 0,
        stderr: '',
      });
      expect(readFileSync(target).equals(readFileSync(source))).toBe(true);
    },
  );
});

test('--grow never shortens a larger target, and does not create a missing one', async () => {
  const way: Way = { where: 'here', action: 'PUSH', mode: 'SYNC' };
  const [source, target] = [scratchFile(head), scratchFile(whole)];
  expect(await basyn.run([...args(way, source, target), '--grow'])).toMatchObject({
    exitCode: 0,
    stderr: '',
  });
  expect(readFileSync(target).equals(whole)).toBe(true);
  const missing = join(scratchDirectory(), 'missing.img');
  expectSentence(
    await basyn.run([...args(way, source, missing), '--grow']),
    2,
    /does not exist\. To create it/,
  );
});

test('--grow is refused where nothing is written', async () => {
  const both = ['--local=a', '--remote=b', '--grow'];
  expectSentence(
    await basyn.run([...both, '--recheck']),
    1,
    '--grow needs --action: give the direction with --action=PUSH or --action=POP.',
  );
  expectSentence(
    await basyn.run([...both, '--recheck', '--action=PUSH']),
    1,
    '--grow needs --mode: --recheck alone changes nothing.',
  );
});

test('a limit on file sizes is reported, and the file keeps its size', async () => {
  const way: Way = { where: 'here', action: 'PUSH', mode: 'COPY' };
  const [source, target] = [scratchFile(whole), scratchFile(head)];
  const limited = [
    '-c',
    `ulimit -f 1024; exec "$0" "$@"`,
    basyn.executable,
    ...args(way, source, target),
    '--grow',
  ];
  const result = await runCommand('bash', limited);
  expect(result.stderr).toBe(
    `basyn: target ${target} can't be extended from ${head.length} to ${whole.length} bytes: file size limit reached (EFBIG).\n`,
  );
  expect(result.exitCode).toBe(2);
  expect(statSync(target).size).toBe(head.length);
});
