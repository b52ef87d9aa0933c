import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  expectLines,
  expectSilence,
  hostOptions,
  isScript,
  jsonPhases,
  linesOf,
  useBasyn,
} from '../support/basyn.ts';
import { deviceOptions, expectUntouched, makeDisk, makePair } from '../support/disks.ts';
import { attachLoop, isRoot } from '../support/loop-device.ts';
import { scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();

describe.each(['here', 'over ssh'] as const)('a recheck %s', (where) => {
  const host = (): string[] => (where === 'here' ? [] : hostOptions(server()));
  const nameOf = (side: string, path: string): string => (where === 'here' ? path : `${side} ${path}`);

  test('of devices that match prints nothing', async () => {
    const pair = makePair({ changes: [], tailBytes: 0 });
    expectSilence(await basyn.run([...deviceOptions('PUSH', pair), ...host(), '--recheck']));
  });

  test('finds differences, reports their offsets, exits with 2, and repairs nothing', async () => {
    const changes = [
      { at: 8192, lengthBytes: 1 },
      { at: 1_000_000, lengthBytes: 5000 },
      { at: 2_999_999, lengthBytes: 18 },
    ];
    const pair = makePair({ changes, tailBytes: 0 });
    const result = await basyn.run([...deviceOptions('PUSH', pair), ...host(), '--recheck', '--chunk=4']);
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    const lastBytes = 3_000_017 - 2_998_272;
    expect(linesOf(result.stderr)).toEqual([
      `basyn: The devices differ: ${4096 + 8192 + lastBytes} bytes (13.7 KiB) in 3 ranges of ${nameOf('local', pair.source)} and ${nameOf('remote', pair.target)}.`,
      '  at offset 8192: 4096 bytes (4.0 KiB)',
      '  at offset 999424: 8192 bytes (8.0 KiB)',
      `  at offset 2998272: ${lastBytes} bytes (1.7 KiB)`,
    ]);
    expectUntouched(pair);
  });

  test('of devices of different sizes compares the part that both have', async () => {
    const pair = makePair({ changes: [] });
    for (const action of ['PUSH', 'POP'] as const) {
      const result = await basyn.run([...deviceOptions(action, pair), ...host(), '--recheck', '--json']);
      const [phase] = linesOf(result.stdout)
        .map((line) => JSON.parse(line) as { type: string })
        .filter(({ type }) => type === 'phase-end');
      expect(phase).toMatchObject({
        phase: 'recheck',
        sizeBytes: pair.sourceBytes.length,
        differingBytes: 0,
      });
    }
  });

  test('of devices of different sizes is a difference if the source is not stated', async () => {
    const pair = makePair({ changes: [] });
    const [larger, smaller] = [pair.targetBytes.length, pair.sourceBytes.length];
    for (const action of ['PUSH', 'POP'] as const) {
      const result = await basyn.run([...deviceOptions(action, pair), ...host(), '--recheck']);
      expect(result).toMatchObject({ exitCode: 2, stdout: '' });
      const [first, second] = linesOf(result.stderr);
      expect(first).toMatch(/^basyn: The devices differ in size: .*: state the source with --action=PUSH /);
      for (const sizeBytes of [larger, smaller]) expect(first).toContain(` has ${sizeBytes}`);
      expect(second).toBe(`  in the first ${smaller} bytes (2.9 MiB), which both have, nothing differs`);
    }
  });

  test('with a stated source allows a larger target, but no smaller one', async () => {
    const pair = makePair({ changes: [] });
    const args = [...deviceOptions('PUSH', pair), ...host(), '--recheck'];
    expectSilence(await basyn.run([...args, '--action=PUSH']));
    const result = await basyn.run([...args, '--action=POP']);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toMatch(/^basyn: The devices differ in size: .* has \d+\.$/m);
  });

  test.each([
    [8 * 1024 * 1024, 0, /^basyn: The devices differ in size: /],
    [0, 8 * 1024 * 1024, /^basyn: The devices differ in size: /],
    [0, 0, /^basyn: There is nothing to compare: both devices are empty\.$/m],
  ])('of %i and %i bytes fails', async (localBytes, remoteBytes, message) => {
    const [local, remote] = [localBytes, remoteBytes].map((size) => scratchFile(Buffer.alloc(size)));
    const result = await basyn.run([`--local=${local}`, `--remote=${remote}`, ...host(), '--recheck']);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toMatch(message);
  });

  test('reports how each side was read', async () => {
    const pair = makePair({ changes: [], tailBytes: 0 });
    const [phase] = jsonPhases(
      await basyn.run([...deviceOptions('PUSH', pair), ...host(), '--recheck', '--json']),
    );
    expect(phase).toMatchObject({ sourceReads: 'direct', targetReads: 'direct' });
  });

  test.skipIf(!isRoot)('warns if it can only read through a page cache (needs root)', async () => {
    const source = scratchFile(Buffer.alloc(65_536, 'x'));
    const loop = attachLoop(scratchFile(Buffer.alloc(65_536, 'x')), { io: 'buffered' });
    onTestFinished(loop.detach);
    const args = [`--local=${source}`, `--remote=${loop.path}`, ...host(), '--recheck'];
    const result = await basyn.run([...args, '--verbose']);
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(
      /^basyn: warning: (remote )?device \/dev\/loop\d+ is read through a page cache, because /,
    );
    expect(result.stdout).toMatch(/the source was read from the disk, the target through the page cache$/m);
  });

  test('after a transfer is a separate phase, which reports that all bytes are equal', async () => {
    const pair = makePair();
    const args = [...deviceOptions('POP', pair), ...host(), '-a', 'pop', '-m', 'copy', '--recheck', '--json'];
    const phases = jsonPhases(await basyn.run(args));
    expect(phases).toMatchObject([
      { phase: 'copy', writtenBytes: pair.sourceBytes.length },
      { phase: 'recheck', writtenBytes: 0, differingBytes: 0 },
    ]);
  });

  test('lists ten ranges, and counts the others', async () => {
    const changes = Array.from({ length: 13 }, (_, index) => ({ at: index * 100_000, lengthBytes: 1 }));
    const pair = makePair({ changes, tailBytes: 0 });
    const result = await basyn.run([...deviceOptions('PUSH', pair), ...host(), '--recheck', '--chunk=1']);
    expect(result.exitCode).toBe(2);
    const lines = linesOf(result.stderr);
    expect(lines[0]).toContain('13312 bytes (13.0 KiB) in 13 ranges');
    expect(lines).toHaveLength(12);
    expect(lines.at(-1)).toBe('  and 3 more ranges');
  });

  test.skipIf(!isRoot)('reads what is on the disk, not what the page cache holds (needs root)', async () => {
    const bytes = Buffer.alloc(1024 * 1024, 'same');
    const source = scratchFile(bytes);
    const below = scratchFile(bytes);
    const loop = attachLoop(below);
    onTestFinished(loop.detach);
    // The cache of the device now holds all of it, as long as a process has the device open.
    const holder = openSync(loop.path, 'r');
    onTestFinished(() => closeSync(holder));
    const isCached = (): boolean => readFileSync(loop.path).equals(bytes);
    expect(isCached()).toBe(true);
    const fd = openSync(below, 'r+');
    writeSync(fd, 'X', 300_000);
    closeSync(fd);
    expect(isCached()).toBe(true);
    const args = [`--local=${source}`, `--remote=${loop.path}`, ...host(), '--recheck', '--chunk=4'];
    const result = await basyn.run(args);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain('at offset 299008: 4096 bytes');
  });
});

test('a recheck reports that the devices match, if --verbose is given', async () => {
  const pair = makePair({ changes: [], tailBytes: 0 });
  const lines = expectLines(await basyn.run([...deviceOptions('PUSH', pair), '--recheck', '--verbose']));
  expect(lines.at(-1)).toMatch(/ end: the devices match, all done in /);
});

test.skipIf(!isScript)(
  'a recheck by a node without WebAssembly reads through the page cache, and warns',
  async () => {
    const pair = makePair({ changes: [{ at: 8192, lengthBytes: 1 }], tailBytes: 0 });
    const { result } = await basyn.start([...deviceOptions('PUSH', pair), '--recheck', '--chunk=4'], {
      env: { NODE_OPTIONS: '--jitless' },
    });
    const { exitCode, stderr } = await result;
    expect(exitCode).toBe(2);
    expect(stderr).toContain('at offset 8192: 4096 bytes');
    for (const path of [pair.source, pair.target]) {
      expect(stderr).toContain(
        `basyn: warning: file ${path} is read through a page cache, because this node can`,
      );
    }
  },
);

test('a recheck of a device with itself is allowed: nothing is written', async () => {
  const disk = makeDisk('file', Buffer.alloc(10_000, 'x'));
  expectSilence(await basyn.run([`--local=${disk}`, `--remote=${disk}`, '--recheck']));
});
