import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import { runOptions } from '../support/disks.ts';
import { allocatedBytes, haveSameContent, makeSparseFile } from '../support/file-systems.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

const ways = (['here', 'over ssh'] as const).flatMap((where) =>
  (['PUSH', 'POP'] as const).flatMap((action) =>
    (['SYNC', 'COPY'] as const).map((mode) => ({ where, action, mode })),
  ),
);
type Way = (typeof ways)[number];

const sizeBytes = 48 * MiB + 12_345;
const data = [
  { at: 0, lengthBytes: 5000 },
  { at: 7 * MiB + 100, lengthBytes: 3 * MiB },
  { at: 30 * MiB, lengthBytes: 1 },
];

describe.each(ways)('$action $mode $where', (way) => {
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

  test('of 200 GiB with little data takes little time and space', async () => {
    const directory = scratchDirectory(memoryDirectory);
    const source = makeSparseFile(join(directory, 'source'), 200 * GiB, [
      { at: GiB, lengthBytes: MiB },
      { at: 150 * GiB - 5000, lengthBytes: 10_000 },
    ]);
    const target = join(directory, 'target');
    const first = phasesOf(await run(way, { source, target }, '--create', '--json'));
    expect(first).toMatchObject([{ sourceHoleBytes: 200 * GiB - MiB - 2 * 65_536 }]);
    expect(allocatedBytes(target)).toBeLessThan(2 * MiB);
    const again = await run({ ...way, mode: 'SYNC' }, { source, target }, '--recheck', '--json');
    const holes = {
      sourceHoleBytes: 200 * GiB - MiB - 2 * 65_536,
      targetHoleBytes: 200 * GiB - MiB - 2 * 65_536,
    };
    expect(phasesOf(again)).toMatchObject([
      { phase: 'sync', differingBytes: 0, writtenBytes: 0, ...holes },
      { phase: 'recheck', differingBytes: 0, ...holes },
    ]);
  });
});

describe.each(ways.filter(({ mode }) => mode === 'SYNC'))('$action $where', (way) => {
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
function phasesOf({ exitCode, stdout, stderr }: Awaited<ReturnType<typeof run>>): unknown[] {
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string })
    .filter(({ type }) => type === 'phase-end');
}
