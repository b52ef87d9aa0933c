import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { PhaseCounts } from '../../src/report.ts';
import { expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import { runOptions } from '../support/disks.ts';
import {
  allocatedBytes,
  allocateFile,
  haveSameContent,
  makeSparseFile,
  zeroRange,
} from '../support/file-systems.ts';
import { attachLoop, isRoot } from '../support/loop-device.ts';
import { directoryOfPrograms } from '../support/program-directory.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { casesOf } from '../support/lab-cases.ts';
import { someWays, type Way } from '../support/ways.ts';

// Some tests start several programs on both sides.
vi.setConfig({ testTimeout: 120_000 });

/** The others run in the laboratory. */
const selectedWays = casesOf(someWays, ({ action }) => action === 'PUSH');

const server = useSshServer();
const basyn = useBasyn();
const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

const sizeBytes = 48 * MiB + 12_345;
const data = [
  { at: 0, lengthBytes: 5000 },
  { at: 7 * MiB + 100, lengthBytes: 3 * MiB },
  { at: 30 * MiB, lengthBytes: 1 },
];

describe.each(selectedWays)('$action $mode $where', (way) => {
  test('turns data of the target into zeros where the source has a hole', async () => {
    const pair = makeFiles(sizeBytes, data, [{ at: 0, lengthBytes: sizeBytes }]);
    expectSilence(await run(way, pair, '--recheck'));
    expect(haveSameContent(pair.source, pair.target)).toBe(true);
  });

  test('fills holes of the target where the source has data', async () => {
    const pair = makeFiles(sizeBytes, [{ at: 0, lengthBytes: sizeBytes }], data);
    expectSilence(await run(way, pair, '--recheck'));
    expect(haveSameContent(pair.source, pair.target)).toBe(true);
  });

  test('of 64 GiB with little data takes little time and space', async () => {
    const directory = scratchDirectory(memoryDirectory);
    const source = makeSparseFile(join(directory, 'source'), 64 * GiB, [
      { at: GiB, lengthBytes: MiB },
      { at: 50 * GiB - 5000, lengthBytes: 10_000 },
    ]);
    const target = join(directory, 'target');
    const first = phasesOf(await run(way, { source, target }, '--create', '--json'));
    expect(first).toMatchObject([{ sourceHoleBytes: 64 * GiB - MiB - 2 * 65_536 }]);
    expect(allocatedBytes(target)).toBeLessThan(2 * MiB);
    const again = await run({ ...way, mode: 'SYNC' }, { source, target }, '--recheck', '--json');
    const holes = {
      sourceHoleBytes: 64 * GiB - MiB - 2 * 65_536,
      targetHoleBytes: 64 * GiB - MiB - 2 * 65_536,
    };
    expect(phasesOf(again)).toMatchObject([
      { phase: 'sync', differingBytes: 0, writtenBytes: 0, ...holes },
      { phase: 'recheck', differingBytes: 0, ...holes },
    ]);
  });
});

describe.each(selectedWays)('$action $mode $where to a target file', (way) => {
  /** The source has zeros at the start, as a hole, and in the middle, written. */
  function makeSource(): string {
    const source = makeSparseFile(join(scratchDirectory(memoryDirectory), 'source'), sizeBytes, [
      { at: 10 * MiB, lengthBytes: sizeBytes - 10 * MiB },
    ]);
    zeroRange(source, { at: 20 * MiB + 1000, lengthBytes: 8 * MiB });
    return source;
  }

  test('that is sparse releases what is zero in the source', async () => {
    const source = makeSource();
    const target = join(scratchDirectory(memoryDirectory), 'target');
    makeSparseFile(target, sizeBytes, [{ at: 0, lengthBytes: 40 * MiB }], 2);
    const [transfer] = phasesOf(await run(way, { source, target }, '--recheck', '--json'));
    expect(haveSameContent(source, target)).toBe(true);
    expect(allocatedBytes(target)).toBeLessThanOrEqual(allocatedBytes(source) - 8 * MiB + 64 * 1024);
    const { writtenBytes, releasedBytes } = transfer as PhaseCounts;
    expect(releasedBytes).toBeGreaterThan(17 * MiB);
    expect(writtenBytes).toBeLessThan(sizeBytes - 17 * MiB);
  });

  test('stays thin if the run is repeated', async () => {
    const source = makeSource();
    const target = join(scratchDirectory(memoryDirectory), 'target');
    for (const options of [['--create'], [], ['--create']]) {
      expectSilence(await run(way, { source, target }, ...options));
      expect(haveSameContent(source, target)).toBe(true);
      expect(allocatedBytes(target)).toBeLessThanOrEqual(sizeBytes - 17 * MiB);
    }
  });

  test('whose blocks are all allocated keeps them', async () => {
    const source = makeSource();
    const target = join(scratchDirectory(memoryDirectory), 'target');
    allocateFile(target, sizeBytes);
    const [transfer] = phasesOf(await run(way, { source, target }, '--json'));
    expect(haveSameContent(source, target)).toBe(true);
    expect(allocatedBytes(target)).toBeGreaterThanOrEqual(sizeBytes);
    expect(transfer).toMatchObject({ releasedBytes: 0 });
  });

  test('obeys --sparse=always and --sparse=never', async () => {
    const source = makeSource();
    const target = join(scratchDirectory(memoryDirectory), 'target');
    makeSparseFile(target, sizeBytes, [{ at: 0, lengthBytes: sizeBytes }], 3);
    expectSilence(await run(way, { source, target }, '--sparse=always'));
    expect(haveSameContent(source, target)).toBe(true);
    expect(allocatedBytes(target)).toBeLessThanOrEqual(sizeBytes - 17 * MiB);
    const other = `${target}-2`;
    expectSilence(
      await run({ ...way, mode: 'COPY' }, { source, target: other }, '--create', '--sparse=never'),
    );
    expect(haveSameContent(source, other)).toBe(true);
    expect(allocatedBytes(other)).toBeGreaterThanOrEqual(sizeBytes);
  });
});

describe('a machine on which no hole can be punched', () => {
  test.each([
    { title: 'without perl, but with fallocate', programs: ['fallocate'], isReleased: true },
    { title: 'without both', programs: [], isReleased: false },
  ])('$title has the same data in the end', async ({ programs, isReleased }) => {
    const directory = scratchDirectory(memoryDirectory);
    const source = makeSparseFile(join(directory, 'source'), sizeBytes, data);
    const target = makeSparseFile(
      join(directory, 'target'),
      sizeBytes,
      [{ at: 0, lengthBytes: 40 * MiB }],
      2,
    );
    const args = [...runOptions('PUSH', 'COPY', { source, target }), '--verbose', '--stat'];
    const { exitCode, stdout } = await basyn.run(args, {
      env: { ...process.env, PATH: directoryOfPrograms(...programs) },
    });
    expect(exitCode).toBe(0);
    expect(haveSameContent(source, target)).toBe(true);
    expect(allocatedBytes(target) < 20 * MiB).toBe(isReleased);
    expect(stdout.includes('cannot release some or all of its zeros: they were written.')).toBe(!isReleased);
    expect(stdout.includes('Released:')).toBe(isReleased);
  });
});

describe('a COPY that is interrupted again and again', () => {
  test('leaves the new file thin', async () => {
    const directory = scratchDirectory(memoryDirectory);
    const source = makeSparseFile(join(directory, 'source'), 2 * GiB, [
      { at: 0, lengthBytes: 60 * MiB },
      { at: GiB, lengthBytes: 60 * MiB },
    ]);
    const target = join(directory, 'target');
    const way = { where: 'over ssh', action: 'PUSH', mode: 'COPY' } as const;
    const args = [...runOptions('PUSH', 'COPY', { source, target }), ...hostOptions(server()), '--create'];
    for (const stopMs of [600, 900, 1200]) {
      const running = await basyn.start(args);
      await sleep(stopMs);
      // It may have ended before.
      running.child.kill('SIGTERM');
      await running.result;
      if (existsSync(target)) expect(allocatedBytes(target)).toBeLessThan(125 * MiB);
    }
    await vi.waitFor(async () => expectSilence(await run(way, { source, target }, '--create')), 20_000);
    expect(haveSameContent(source, target)).toBe(true);
    expect(allocatedBytes(target)).toBeLessThan(125 * MiB);
  });
});

describe.skipIf(!isRoot)('a target device (needs root)', () => {
  test.each(selectedWays)('$action $mode $where: zeros are released with --discard', async (way) => {
    const directory = scratchDirectory(memoryDirectory);
    const source = makeSparseFile(join(directory, 'source'), 32 * MiB, [
      { at: MiB, lengthBytes: 3 * MiB + 100 },
    ]);
    const backing = makeSparseFile(
      join(directory, 'backing'),
      32 * MiB,
      [{ at: 0, lengthBytes: 32 * MiB }],
      2,
    );
    const { path: target, detach } = attachLoop(backing);
    onTestFinished(detach);
    const [transfer] = phasesOf(await run(way, { source, target }, '--discard', '--json', '--recheck'), /^/);
    expect((transfer as PhaseCounts).releasedBytes).toBeGreaterThan(28 * MiB);
    expect(execFileSync('cmp', [source, target]).length).toBe(0);
    expect(allocatedBytes(backing)).toBeLessThan(4 * MiB);
  });

  test('writes zeros without --discard', async () => {
    const directory = scratchDirectory(memoryDirectory);
    const source = makeSparseFile(join(directory, 'source'), 32 * MiB, []);
    const backing = makeSparseFile(join(directory, 'backing'), 32 * MiB, [{ at: 0, lengthBytes: MiB }], 2);
    const { path: target, detach } = attachLoop(backing);
    onTestFinished(detach);
    const way = { where: 'here', action: 'PUSH', mode: 'COPY' } as const;
    expect(phasesOf(await run(way, { source, target }, '--json'))).toMatchObject([
      { releasedBytes: 0, writtenBytes: 32 * MiB },
    ]);
    expect(allocatedBytes(backing)).toBe(32 * MiB);
  });
});

describe.each(selectedWays.filter(({ mode }) => mode === 'SYNC'))('$action $where', (way) => {
  test('a recheck after the sync reads what the sync wrote into a hole', async () => {
    const pair = makeFiles(sizeBytes, [{ at: 20 * MiB, lengthBytes: 2 * MiB }], []);
    const [sync, recheck] = phasesOf(await run(way, pair, '--recheck', '--json'));
    expect(sync).toMatchObject({ differingBytes: 2 * MiB, targetHoleBytes: sizeBytes });
    expect(recheck).toMatchObject({ differingBytes: 0, targetHoleBytes: sizeBytes - 2 * MiB });
  });
});

interface Files {
  readonly source: string;
  readonly target: string;
}

function makeFiles(
  sizeBytes: number,
  sourceData: Parameters<typeof makeSparseFile>[2],
  targetData: Parameters<typeof makeSparseFile>[2],
): Files {
  const directory = scratchDirectory(memoryDirectory);
  return {
    source: makeSparseFile(join(directory, 'source'), sizeBytes, sourceData, 1),
    target: makeSparseFile(join(directory, 'target'), sizeBytes, targetData, 2),
  };
}

function run({ where, action, mode }: Way, files: Files, ...options: string[]) {
  const host = where === 'here' ? [] : hostOptions(server());
  return basyn.run([...runOptions(action, mode, files), ...host, ...options]);
}

/** The ends of the phases of a run with --json that succeeded. */
function phasesOf({ exitCode, stdout, stderr }: Awaited<ReturnType<typeof run>>, warnings = /^$/): unknown[] {
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringMatching(warnings) });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string })
    .filter(({ type }) => type === 'phase-end');
}
