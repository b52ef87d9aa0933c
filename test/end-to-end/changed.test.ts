import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../rig/processes/command.ts';
import { describe, expect, test } from 'vitest';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { expectSentence, hostOptions, jsonLines, jsonPhases, useBasyn } from '../support/basyn.ts';
import { runOptions } from '../support/disks.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { ways, type Way } from '../support/ways.ts';

const server = useSshServer();
const basyn = useBasyn();
const KiB = 1024;
const MiB = 1024 * KiB;
const bufferBytes = 64 * KiB;
const source = mixedBytes(8 * MiB + 777, 1);

function args(
  { where, action }: Pick<Way, 'where' | 'action'>,
  paths: { source: string; target: string },
): string[] {
  const host = where === 'here' ? [] : hostOptions(server());
  return [...runOptions(action, 'SYNC', paths), ...host, `--buffer=${bufferBytes / KiB}K`];
}

/** A source and a target that differ at these offsets, and a list of changes. */
function devices(
  offsets: readonly number[],
  lines: string,
): { source: string; target: string; list: string } {
  const target = Buffer.from(source);
  for (const offset of offsets) target[offset]! ^= 1;
  return { source: scratchFile(source), target: scratchFile(target), list: scratchFile(Buffer.from(lines)) };
}

function differences(path: string): number[] {
  const found: number[] = [];
  const bytes = readFileSync(path);
  for (let offset = 0; offset < source.length; offset++)
    if (bytes[offset] !== source[offset]) found.push(offset);
  return found;
}

describe.each(ways.filter(({ mode }) => mode === 'SYNC'))('--changed, $action $where', (way) => {
  test('repairs what the list names, does not read the rest, and a recheck finds what the list lacks', async () => {
    const { list, ...paths } = devices([100, 3_000_000, 5_000_000], '5000000 1\n100 1\n0 200\n');
    const command = [...args(way, paths), `--changed=${list}`, '--sample=0', '--json'];
    const result = await basyn.run([...command, '--recheck']);
    expect(result.exitCode).toBe(2);
    const [sync, recheck] = jsonPhases(result);
    expect(sync).toMatchObject({
      sizeBytes: source.length,
      examinedBytes: 2 * bufferBytes,
      changeList: { listedBytes: 2 * bufferBytes, sampledBytes: 0 },
      differingRangeCount: 2,
    });
    expect(differences(paths.target)).toEqual([3_000_000]);
    expect(recheck).toMatchObject({ differingRangeCount: 1 });
    expect(recheck).not.toHaveProperty('examinedBytes');
  });

  test('compares everything if the sample finds a difference, and says where', async () => {
    const { list, ...paths } = devices([100, 3_000_000, 5_000_000], '100 1\n');
    const command = [...args(way, paths), `--changed=${list}`];
    // Everything outside the list fits into the sample.
    const dryRun = await basyn.run([...command, '--dry-run']);
    expect(dryRun.stderr).toMatch(
      /differ at offset 2998272, which the list of changes does not name.*Everything is compared\.\n/,
    );
    expect(differences(paths.target)).toHaveLength(3);
    const result = await basyn.run([...command, '--json']);
    expect(result.exitCode).toBe(0);
    expect(jsonLines(result).filter(({ type }) => type === 'phase-start')).toHaveLength(1);
    const [sync] = jsonPhases(result);
    const listedBytes = bufferBytes;
    const changeList = { listedBytes, sampledBytes: source.length - listedBytes, rejectedAtBytes: 2_998_272 };
    expect(sync).toMatchObject({ examinedBytes: source.length, changeList });
    expect(differences(paths.target)).toEqual([]);
  });

  test('reads the list from a pipe that ends late, and always examines what was added to the target', async () => {
    const { source: path, target } = devices([100], '');
    const paths = { source: path, target };
    writeFileSync(paths.target, readFileSync(paths.target).subarray(0, 6 * MiB));
    const command = [...args(way, paths), '--changed=-', '--sample=0', '--grow', '--json'];
    const late = '(printf "100 "; sleep 0.3; echo 1) | "$0" "$@"';
    const result = await runCommand('sh', ['-c', late, basyn.executable, ...command]);
    expect(result.exitCode).toBe(0);
    expect(jsonPhases(result)[0]).toMatchObject({
      examinedBytes: bufferBytes + source.length - 6 * MiB,
      changeList: { listedBytes: bufferBytes, sampledBytes: 0 },
    });
    expect(differences(paths.target)).toEqual([]);
  });

  test('refuses a target that is new, and a list of another device, and writes nothing', async () => {
    const { list, ...paths } = devices([100], '100 1\n');
    const target = join(scratchDirectory(), 'new');
    const created = await basyn.run([...args(way, { ...paths, target }), `--changed=${list}`, '--create']);
    expect(created).toMatchObject({ exitCode: 2, stdout: '' });
    expect(created.stderr).toMatch(/does not exist\. Fill it once without --changed\.\n/);
    expect(existsSync(target)).toBe(false);
    const other = scratchFile(Buffer.from(`100 1\n${16 * MiB} 1\n`));
    const result = await basyn.run([...args(way, paths), `--changed=${other}`]);
    expectSentence(
      result,
      2,
      /has a range at offset 16777216, behind the end of the source.*Nothing was written\.$/,
    );
    expect(differences(paths.target)).toEqual([100]);
  });
});

test('--changed is refused with a copy, without a mode, and its options without it', async () => {
  const both = ['--local=a', '--remote=b', '--action=PUSH'];
  expectSentence(
    await basyn.run([...both, '--mode=COPY', '--changed=list']),
    1,
    '--changed and --mode=copy contradict each other: a copy sends everything.',
  );
  expectSentence(await basyn.run([...both, '--recheck', '--changed=list']), 1, /--changed needs --mode/);
  expectSentence(await basyn.run([...both, '--mode=SYNC', '--sample=1M']), 1, '--sample needs --changed.');
  const blockSize = [...both, '--mode=SYNC', '--changed-block-size=64K'];
  expectSentence(await basyn.run(blockSize), 1, '--changed-block-size needs --changed.');
});

test.each([
  [
    'is missing',
    undefined,
    /list of changes \S+ can't be read: no such file or device \(ENOENT\)\. Nothing was written\.$/,
  ],
  [
    'is empty',
    '',
    /list of changes \S+ is empty\. A program that should have written it may have failed\. Nothing was written\.$/,
  ],
  [
    'is cut off',
    '[{"offset":0,"length":4096,"exists":"true"}',
    /ends in the middle of the list, behind element 1\. Nothing/,
  ],
  [
    'needs a block size',
    '<blocks></blocks>',
    /how large they are\. Nothing was written\. Name their size with --changed-block-size\.$/,
  ],
])('a list that %s ends the run before it begins', async (_, contents, sentence) => {
  const { list, ...paths } = devices([100], contents ?? '');
  const path = contents === undefined ? `${list}-missing` : list;
  expectSentence(
    await basyn.run([...args({ where: 'here', action: 'PUSH' }, paths), `--changed=${path}`]),
    2,
    sentence,
  );
  expect(differences(paths.target)).toEqual([100]);
});
