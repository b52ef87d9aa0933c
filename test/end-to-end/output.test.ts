import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { totalBytes } from '../../src/digest/extent.ts';
import {
  expectLines,
  expectSentence,
  hostOptions,
  jsonLines,
  jsonPhases,
  linesOf,
  useBasyn,
} from '../support/basyn.ts';
import {
  deviceOptions,
  expectSynchronised,
  expectUntouched,
  makeDisk,
  makePair,
  runOptions,
  type DiskPair,
} from '../support/disks.ts';
import { isRoot } from '../support/loop-device.ts';
import { differingChunks } from '../support/naive.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { environmentWithSsh } from '../support/ssh-script.ts';

const server = useSshServer();
const basyn = useBasyn();

describe.each(['here', 'over ssh'] as const)('%s', (where) => {
  const host = (): string[] => (where === 'here' ? [] : hostOptions(server()));
  /** Without a host both devices are local, and the side would be misleading. */
  const named = (side: string, path: string): string => (where === 'here' ? path : `${side} ${path}`);

  describe('without an action', () => {
    test('a line for each device states its kind and size, and nothing is changed', async () => {
      const pair = makePair({ sizeBytes: 1_500_001 });
      expect(expectLines(await basyn.run([...deviceOptions('PUSH', pair), ...host()]))).toEqual([
        `${named('local', pair.source)}: regular file, 1500001 bytes (1.4 MiB)`,
        `${named('remote', pair.target)}: regular file, 1570002 bytes (1.5 MiB)`,
      ]);
      expectUntouched(pair);
    });

    test.skipIf(!isRoot)('a block device is reported as one (needs root)', async () => {
      const disk = makeDisk('loop device', Buffer.alloc(512 * 2049));
      const file = makeDisk('file', Buffer.alloc(7));
      expect(expectLines(await basyn.run([`--local=${file}`, `--remote=${disk}`, ...host()]))).toEqual([
        `${named('local', file)}: regular file, 7 bytes`,
        `${named('remote', disk)}: block device, 1049088 bytes (1.0 MiB)`,
      ]);
    });

    test('a device that is missing on either side is an error', async () => {
      const file = makeDisk('file', Buffer.alloc(7));
      const missing = '/no/such/device';
      const local = await basyn.run([`--local=${missing}`, `--remote=${file}`, ...host()]);
      const device = (side: string): string => named(side, 'device /no/such/device');
      expectSentence(local, 2, `${device('local')} does not exist.`);
      const remote = await basyn.run([`--local=${file}`, `--remote=${missing}`, ...host()]);
      expectSentence(remote, 2, `${device('remote')} does not exist.`);
    });
  });

  test.each(['SYNC', 'COPY'] as const)(
    'a dry run of a %s finds what differs, and writes nothing',
    async (mode) => {
      const pair = makePair();
      const args = [...runOptions('PUSH', mode, pair), ...host(), '--chunk=4', '--dry-run'];
      const differing = differingChunks(pair.sourceBytes, pair.targetBytes, 2 ** 21, 4096);
      const differingBytes = mode === 'SYNC' ? totalBytes(differing) : pair.sourceBytes.length;
      const ranges = mode === 'SYNC' ? `${differing.length} ranges` : '1 range';
      const [line, ...others] = expectLines(await basyn.run(args));
      expect(others).toEqual([]);
      expect(line).toMatch(
        new RegExp(`^dry run: ${differingBytes} bytes .* in ${ranges} would be sent and written`),
      );
      expectUntouched(pair);
      expect(jsonPhases(await basyn.run([...args, '--json']))).toMatchObject([
        { differingBytes, writtenBytes: 0 },
      ]);
      expectUntouched(pair);
    },
  );

  test('a dry run passes the guards of a real one', async () => {
    const pair = makePair({ sizeBytes: 10_000, changes: [] });
    const args = [...runOptions('PUSH', 'SYNC', reversed(pair)), ...host(), '--dry-run'];
    expectSentence(await basyn.run(args), 2, /^basyn: (remote )?target .* is too small/);
  });

  test('a dry run reports that it skips the recheck', async () => {
    const pair = makePair();
    const args = [...runOptions('PUSH', 'SYNC', pair), ...host(), '--dry-run', '--recheck'];
    const result = await basyn.run(args);
    expect(result.exitCode).toBe(0);
    expect(linesOf(result.stderr)).toEqual([
      'basyn: warning: The recheck is skipped in a dry run: nothing is written that could be checked.',
    ]);
    expectUntouched(pair);
  });

  test('--json prints one object per line, from the start to the final result', async () => {
    const pair = makePair();
    const args = [...runOptions('PUSH', 'SYNC', pair), ...host(), '--recheck', '--json'];
    const result = await basyn.run(args);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    const lines = jsonLines(result);
    // A flush is reported if it takes long, and a note if something cannot be examined.
    const inBetween = ['progress', 'flushing', 'note'];
    expect(lines.map(({ type }) => type).filter((type) => !inBetween.includes(type))).toEqual([
      'start',
      'phase-start',
      'phase-end',
      'phase-start',
      'phase-end',
      'result',
    ]);
    const device = { side: 'local', path: pair.source, kind: 'regular file', sizeBytes: 3_000_017 };
    expect(lines.find(({ type }) => type === 'start')).toMatchObject({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      host: where === 'here' ? null : expect.any(String),
      action: 'push',
      mode: 'sync',
      source: device,
      target: { side: 'remote', path: pair.target },
    });
    for (const phase of ['sync', 'recheck']) {
      const [end] = lines.filter((line) => line.type === 'phase-end' && line.phase === phase);
      const progress = lines.filter((line) => line.type === 'progress' && line.phase === phase);
      expect(Math.max(...progress.map(({ elapsedMs }) => elapsedMs as number))).toBe(end!.elapsedMs);
    }
    expect(lines.at(-1)).toMatchObject({
      source: device,
      phases: [{ phase: 'sync' }, { phase: 'recheck', differingBytes: 0 }],
      traffic: { receivedBytes: expect.any(Number), transmittedBytes: expect.any(Number) },
      elapsedMs: expect.any(Number),
      matches: true,
    });
  });

  test('--json also reports a failure as an object', async () => {
    const pair = makePair({ sizeBytes: 10_000, changes: [] });
    const result = await basyn.run([...runOptions('PUSH', 'SYNC', reversed(pair)), ...host(), '--json']);
    expect(result.exitCode).toBe(2);
    expect(jsonLines(result)).toMatchObject([
      { type: 'error', code: 'refused', side: 'remote', device: pair.source, exitCode: 2 },
    ]);
    expect(linesOf(result.stderr)).toHaveLength(1);
  });

  test('--json reports differences by their ranges, and exits with 2', async () => {
    const pair = makePair({ changes: [{ at: 5000, lengthBytes: 1 }], tailBytes: 0 });
    const result = await basyn.run([
      ...deviceOptions('PUSH', pair),
      ...host(),
      '--recheck',
      '--chunk=1',
      '--json',
    ]);
    expect(result.exitCode).toBe(2);
    expect(jsonLines(result).at(-1)).toMatchObject({
      type: 'result',
      matches: false,
      phases: [{ differingBytes: 1024, differingRanges: [{ offsetBytes: 4096, lengthBytes: 1024 }] }],
    });
  });

  test('--verbose logs timestamped lines to stdout', async () => {
    const pair = makePair();
    const args = [...runOptions('PUSH', 'SYNC', pair), ...host(), '--verbose'];
    const lines = expectLines(await basyn.run(args));
    for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ([a-z]+: |flushing )/);
    expect(lines.filter((line) => !/ (note:|flushing) /.test(line))).toHaveLength(7);
    expect(lines.at(-2)).toMatch(
      / sync: the source was read through the page cache, the target from the disk$/,
    );
  });

  test('--progress prints the end of each phase to stderr if that is not a terminal', async () => {
    const pair = makePair();
    const args = [...runOptions('PUSH', 'COPY', pair), ...host(), '--recheck', '--progress'];
    const result = await basyn.run(args);
    expect(result).toMatchObject({ exitCode: 0, stdout: '' });
    expect(linesOf(result.stderr).at(-2)).toMatch(/^\d{4}-.*Z copy: 3000017 bytes .* written$/);
    expect(linesOf(result.stderr).at(-1)).toMatch(/^\d{4}-.*Z recheck: 3000017 bytes .* nothing differs$/);
  });

  test('--debug traces to stderr, with the origin of a failure', async () => {
    const result = await basyn.run(['--local=/no/such/file', '--remote=/dev/null', ...host(), '--debug']);
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    expect(result.stderr).toMatch(/^ +at /m);
  });
});

describe('--stat', () => {
  test.each(['PUSH', 'POP'] as const)(
    'counts what was written if there is no connection (%s)',
    async (action) => {
      const pair = makePair();
      const args = [...runOptions(action, 'SYNC', pair), '--chunk=4', '--stat'];
      const lines = expectLines(await basyn.run(args));
      const written = totalBytes(differingChunks(pair.sourceBytes, pair.targetBytes, 2 ** 21, 4096));
      const [sent, received] = action === 'PUSH' ? [written, 0] : [0, written];
      expect(lines[0]).toMatch(/^Device size: 3000017 bytes/);
      expect(lines[1]).toMatch(new RegExp(`^Traffic: +Rx: +${received} bytes`));
      expect(lines[2]).toMatch(new RegExp(`^ +Tx: +${sent} bytes`));
      expect(lines[3]).toMatch(new RegExp(`^ +Both: +${written} bytes`));
      expect(lines[4]).toBe(`Ratio:       ${((written / 3_000_017) * 100).toFixed(4)} %`);
      expect(lines[5]).toMatch(/^Time: +\d+\.\d{3} seconds$/);
      expect(lines[6]).toMatch(/^Bandwidth: +Real: +\d+ bytes\/s/);
      expect(lines[7]).toMatch(/^ +Effective: +\d+ bytes\/s/);
    },
  );

  // Most bytes are those of the device. The agent takes only a few percent of them.
  const amounts = [
    { option: '--compress=zstd', leastBytes: 800_000, mostBytes: 2_600_000 },
    { option: '--compress=none', leastBytes: 2_600_000, mostBytes: 5_000_000 },
  ];
  const counted = (['PUSH', 'POP'] as const).flatMap((action) =>
    amounts.map((amount) => ({ action, ...amount })),
  );

  test.each(counted)(
    'counts every byte at the pipe to ssh ($action, $option)',
    async ({ action, option, leastBytes, mostBytes }) => {
      const pair = makePair();
      const directory = scratchDirectory();
      const [sent, received] = [join(directory, 'sent'), join(directory, 'received')];
      // An earlier query to ssh takes the same path, and its count is overwritten.
      const env = environmentWithSsh(`tee '${sent}' | ssh "$@" | tee '${received}'`);
      const args = [...runOptions(action, 'COPY', pair), ...hostOptions(server()), '--stat', option];
      const lines = expectLines(await basyn.run(args, { env }));
      expectSynchronised(pair);
      const [sentBytes, receivedBytes] = [statSync(sent).size, statSync(received).size];
      expect(numberIn(lines, 'Tx')).toBe(sentBytes);
      expect(numberIn(lines, 'Rx')).toBe(receivedBytes);
      expect(numberIn(lines, 'Both')).toBe(sentBytes + receivedBytes);
      const dataBytes = action === 'PUSH' ? sentBytes : receivedBytes;
      expect(dataBytes).toBeGreaterThan(leastBytes);
      expect(dataBytes).toBeLessThan(mostBytes);
    },
  );

  test('of a comparison of no bytes does not divide by zero', async () => {
    const [source, target] = [makeDisk('file', Buffer.alloc(0)), makeDisk('file', Buffer.alloc(5))];
    const args = [...deviceOptions('PUSH', { source, target }), '--recheck', '--stat'];
    const { exitCode, stdout } = await basyn.run(args);
    expect(exitCode).toBe(2);
    expect(stdout).toContain('Recheck:');
    expect(stdout).not.toMatch(/NaN|Infinity/);
  });
});

/** The other way round: the target is shorter than the source. */
function reversed({ source, target }: DiskPair): Pick<DiskPair, 'source' | 'target'> {
  return { source: target, target: source };
}

function numberIn(lines: readonly string[], name: string): number {
  return Number(new RegExp(`${name}: +(\\d+) bytes`).exec(lines.join('\n'))?.[1]);
}
