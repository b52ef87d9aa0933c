import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { changeBlocks, writeImage } from '../../rig/images/images.ts';
import { hostOptions, jsonPhases, useBasyn } from '../support/basyn.ts';
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
  // A machine with 64 MiB of memory.
  const small = scratchFile(Buffer.from("require('node:os').totalmem = () => 64 * 1024 ** 2;"), 'small.cjs');
  const env = { NODE_OPTIONS: `--require=${small}` };
  const remote = [...hostOptions(server()), `--remote-node=NODE_OPTIONS=--require=${small} node`];
  const [local, other] = action === 'PUSH' ? [source, target] : [target, source];
  const order = [`--local=${local}`, `--remote=${other}`, `--action=${action}`, '--mode=SYNC', '--json'];
  const result = await basyn.run([...order, ...(where === 'here' ? [] : remote), ...options], { env });
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  const [{ sourceReads, writtenBytes } = { sourceReads: 'none', writtenBytes: 0 }] = jsonPhases(result);
  expect(writtenBytes).toBeGreaterThan(0);
  return { source, target, sourceReads };
}
