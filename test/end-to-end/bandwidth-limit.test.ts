import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hostOptions, expectSentence, useBasyn } from '../support/basyn.ts';
import { filesEqual, writeImage, type ImageMix } from '../../rig/images/images.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { PipeMeter } from './limits.fixture.ts';

const server = useSshServer();
const basyn = useBasyn();
const KiB = 1024;
const MiB = 1024 * KiB;
const incompressible: ImageMix = { incompressible: 1, text: 0 };

describe('--bwlimit', () => {
  test('is kept over ten seconds and at each moment, with the agent that is sent', async () => {
    await inBothDirections(async (action) => {
      const pair = makePair(action, 28 * MiB, incompressible);
      const meter = new PipeMeter();
      await copy(pair, ['--bwlimit=2M'], meter.env);
      expect(meter.totalBytes).toBeGreaterThan(28 * MiB);
      // At first, the agent starts, and sends nothing.
      expect(meter.within(10_000, 2000).leastBytes / (20 * MiB)).toBeGreaterThan(0.95);
      expect(meter.within(10_000).mostBytes / (20 * MiB)).toBeLessThan(1.05);
      expect(meter.within(1000).mostBytes).toBeLessThan(2 * 2 * MiB);
    });
  });

  test('may be so low that a frame takes several timeouts', async () => {
    await inBothDirections(async (action) => {
      const pair = makePair(action, 320 * KiB, incompressible);
      await copy(pair, ['--bwlimit=32', '--timeout=2']);
    });
  });

  test('makes a fast link a slow one: everything is compressed, from the first frame on', async () => {
    await inBothDirections(async (action) => {
      const pair = makePair(action, 8 * MiB, { incompressible: 0, text: 1 });
      const meter = new PipeMeter();
      await copy(pair, ['--bwlimit=1M'], meter.env);
      expect(meter.totalBytes).toBeLessThan(4 * MiB);
    });
  });
});

/** Both at once, because a limited run waits most of the time. */
async function inBothDirections(check: (action: Pair['action']) => Promise<void>): Promise<void> {
  await Promise.all([check('PUSH'), check('POP')]);
}

test('--bwlimit without a host is refused', async () => {
  const result = await basyn.run(['--local=/dev/null', '--remote=/dev/null', '--bwlimit=10M']);
  expectSentence(
    result,
    1,
    /^basyn: --bwlimit needs --host: without a host, both devices are on this machine/,
  );
});

test('--bwlimit ends with its run: a signal does not wait for the limited bytes', async () => {
  const pair = makePair('PUSH', 4 * MiB, incompressible);
  const meter = new PipeMeter();
  const args = [...optionsOf(pair), ...hostOptions(server()), '--bwlimit=20'];
  const run = await basyn.start(args, { env: meter.env });
  await expect.poll(() => meter.totalBytes).toBeGreaterThan(20 * KiB);
  const signalledMs = performance.now();
  run.child.kill('SIGTERM');
  expect((await run.result).exitCode).toBe(2);
  expect(performance.now() - signalledMs).toBeLessThan(3000);
});

interface Pair {
  readonly action: 'PUSH' | 'POP';
  readonly source: string;
  readonly target: string;
}

function makePair(action: Pair['action'], sizeBytes: number, mix: ImageMix): Pair {
  const directory = scratchDirectory(memoryDirectory);
  const pair = { action, source: join(directory, 'source'), target: join(directory, 'target') };
  writeImage(pair.source, sizeBytes, { seed: 1, mix });
  return pair;
}

function optionsOf({ action, source, target }: Pair): string[] {
  const [local, remote] = action === 'PUSH' ? [source, target] : [target, source];
  return [`--local=${local}`, `--remote=${remote}`, `--action=${action}`, '--mode=COPY', '--create'];
}

async function copy(pair: Pair, options: readonly string[], env = {}): Promise<void> {
  const args = [...optionsOf(pair), ...hostOptions(server()), ...options];
  const { exitCode, stderr } = await basyn.run(args, { env });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(filesEqual(pair.source, pair.target, statSync(pair.source).size)).toBe(true);
}
