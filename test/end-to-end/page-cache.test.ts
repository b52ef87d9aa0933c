import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCommand } from '../../rig/processes/command.ts';
import { changeBlocks, filesEqual, writeImage } from '../../rig/images/images.ts';
import { hostOptions, jsonPhases, useBasyn } from '../support/basyn.ts';
import { casesOf } from '../support/lab-cases.ts';
import { hasMemoryGroups, memoryGroup } from '../support/memory-group.ts';
import { cachedBytes, dropCache } from '../support/page-cache.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
const MiB = 1024 * 1024;
const sizeBytes = 24 * MiB;

const cases = (['here', 'over ssh'] as const).flatMap((where) =>
  (['PUSH', 'POP'] as const).map((action) => ({ where, action })),
);

describe.each(cases)('a SYNC of devices larger than a quarter of the memory ($where, $action)', (one) => {
  test('leaves nothing of them in the page cache, and reports that it reads directly', async () => {
    const { source, target, sourceReads } = await sync(one);
    expect(sourceReads).toBe('direct');
    expect(await cachedBytes(source)).toBe(0);
    expect(await cachedBytes(target)).toBe(0);
  });

  test('uses the page cache with --cache', async () => {
    const { source, sourceReads } = await sync(one, '--cache');
    expect(sourceReads).toBe('cached');
    expect(await cachedBytes(source)).toBe(sizeBytes);
  });
});

const writingCases = cases.flatMap((one) => (['COPY', 'SYNC'] as const).map((mode) => ({ ...one, mode })));
describe.each(
  casesOf(writingCases, ({ where, action, mode }) =>
    where === 'here' ? action === 'PUSH' && mode === 'SYNC' : action === 'POP' && mode === 'COPY',
  ),
)('a $mode that writes all of a large device ($where, $action)', ({ where, action, mode }) => {
  test('caches only a part of what it reads and writes at any time', async () => {
    const [source, target] = await differingPair(largeBytes);
    const watch = watchCache([source, target]);
    expect(await transfer({ where, action }, [source, target], mode)).toMatchObject({
      writtenBytes: largeBytes,
    });
    for (const peakBytes of await watch.stop()) expect(peakBytes).toBeLessThan(largeBytes / 2);
    expect(filesEqual(source, target, largeBytes)).toBe(true);
  });
});

test('a flush that fails while the page cache is released makes the run fail', async () => {
  const [source, target] = await differingPair(sizeBytes);
  const { env } = smallMachine();
  // The first flush precedes the transfer. Those after the second one succeed: the kernel reports a failure once.
  const fault = ['--trace=fsync', '--inject=fsync:error=EIO:when=2', '-P', target];
  const words = ['-f', '-o', '/dev/null', ...fault, process.execPath, basyn.executable];
  const order = [`--local=${source}`, `--remote=${target}`, '--action=PUSH', '--mode=COPY'];
  const result = await runCommand('strace', [...words, ...order], {
    env: { ...env, UV_THREADPOOL_SIZE: '1' },
  });
  expect(result).toMatchObject({ exitCode: 2, stdout: '' });
  expect(result.stderr).toContain(`cannot flush file ${target}`);
});

describe.skipIf(!hasMemoryGroups)(
  'in a group with little memory (needs root and a memory controller)',
  () => {
    const both = [
      { options: [], isKept: true },
      { options: ['--cache'], isKept: false },
    ];
    test.each(casesOf(both, ({ isKept }) => isKept))(
      "after a SYNC of files larger than the memory, another program's file is still cached: $isKept with $options",
      async ({ options, isKept }) => {
        const group = memoryGroup(128 * MiB);
        const directory = scratchDirectory();
        const [source, target, hot] = ['source', 'target', 'hot'].map((name) => join(directory, name)) as [
          string,
          string,
          string,
        ];
        for (const path of [source, target]) writeFileSync(path, Buffer.alloc(128 * MiB, 'data'));
        writeFileSync(hot, Buffer.alloc(hotBytes, 'hot'));
        for (const path of [source, target, hot]) await dropCache(path);
        expect(await inGroup(group, ['cat', hot])).toMatchObject({ exitCode: 0 });
        expect(await cachedBytes(hot)).toBe(hotBytes);
        const { env } = smallMachine();
        const order = [`--local=${source}`, `--remote=${target}`, '--action=PUSH', '--mode=SYNC'];
        const command = [process.execPath, basyn.executable, ...order, ...options];
        expect(await inGroup(group, command, env)).toMatchObject({ exitCode: 0, stderr: '' });
        // Node itself needs most of this memory, so a few pages may have to go.
        expect((await cachedBytes(hot)) > 0.9 * hotBytes).toBe(isKept);
      },
    );

    test.each(casesOf(both, ({ isKept }) => isKept))(
      "after a COPY of a file as large as the memory, another program's file is still cached: $isKept with $options",
      async ({ options, isKept }) => {
        const group = memoryGroup(groupBytes);
        const [source, target] = await differingPair(groupBytes);
        const hot = scratchFile(Buffer.alloc(hotBytes, 'hot'));
        await dropCache(hot);
        expect(await inGroup(group, ['cat', hot])).toMatchObject({ exitCode: 0 });
        const { env } = smallMachine();
        const order = [`--local=${source}`, `--remote=${target}`, '--action=PUSH', '--mode=COPY'];
        const command = [process.execPath, basyn.executable, ...order, ...options];
        expect(await inGroup(group, command, env)).toMatchObject({ exitCode: 0, stderr: '' });
        expect((await cachedBytes(hot)) > 0.9 * hotBytes).toBe(isKept);
      },
    );
  },
);

/** Several times what is in flight between the threads. */
const largeBytes = 160 * MiB;
const groupBytes = 256 * MiB;

const hotBytes = 24 * MiB;

function inGroup([program = '', ...words]: readonly string[], command: readonly string[], env = {}) {
  return runCommand(program, [...words, ...command], { env, outputBytesMax: 0 });
}

async function sync(
  { where, action }: (typeof cases)[number],
  ...options: string[]
): Promise<{ readonly source: string; readonly target: string; readonly sourceReads: string }> {
  const directory = scratchDirectory();
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  for (const path of [source, target])
    writeImage(path, sizeBytes, { seed: 1, mix: { incompressible: 1, text: 0 } });
  changeBlocks(target, { seed: 2, fraction: 0.01, blockBytes: 4096 });
  for (const path of [source, target]) await dropCache(path);
  expect(await cachedBytes(source)).toBe(0);
  const { sourceReads, writtenBytes } = await transfer(
    { where, action },
    [source, target],
    'SYNC',
    ...options,
  );
  expect(writtenBytes).toBeGreaterThan(0);
  return { source, target, sourceReads };
}

/** A source, and a target that differs everywhere. Nothing of them is cached. */
async function differingPair(lengthBytes: number): Promise<[string, string]> {
  const directory = scratchDirectory();
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  writeImage(source, lengthBytes, { seed: 1, mix: { incompressible: 1, text: 0 } });
  writeFileSync(target, Buffer.alloc(lengthBytes, 'old'));
  for (const path of [source, target]) await dropCache(path);
  return [source, target];
}

/** Looks again and again at how much of each file is cached. `stop` returns the most of each. */
function watchCache(paths: readonly string[]): { readonly stop: () => Promise<number[]> } {
  const peaks = paths.map(() => 0);
  const end = new AbortController();
  const watching = (async () => {
    while (!end.signal.aborted) {
      for (const [index, path] of paths.entries()) {
        peaks[index] = Math.max(peaks[index]!, await cachedBytes(path));
      }
    }
  })();
  return {
    stop: async () => {
      end.abort();
      await watching;
      return peaks;
    },
  };
}

async function transfer(
  { where, action }: (typeof cases)[number],
  [source, target]: readonly [string, string],
  mode: 'SYNC' | 'COPY',
  ...options: string[]
): Promise<{ readonly sourceReads: string; readonly writtenBytes: number }> {
  const { small, env } = smallMachine();
  const remote = [...hostOptions(server()), `--remote-node=NODE_OPTIONS=--require=${small} node`];
  const [local, other] = action === 'PUSH' ? [source, target] : [target, source];
  const order = [`--local=${local}`, `--remote=${other}`, `--action=${action}`, `--mode=${mode}`, '--json'];
  const result = await basyn.run([...order, ...(where === 'here' ? [] : remote), ...options], { env });
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  const [{ sourceReads, writtenBytes } = { sourceReads: 'none', writtenBytes: 0 }] = jsonPhases(result);
  return { sourceReads, writtenBytes };
}

/** For node: a machine with 64 MiB of memory. */
function smallMachine(): { readonly small: string; readonly env: { readonly NODE_OPTIONS: string } } {
  const small = scratchFile(Buffer.from("require('node:os').totalmem = () => 64 * 1024 ** 2;"), 'small.cjs');
  return { small, env: { NODE_OPTIONS: `--require=${small}` } };
}
