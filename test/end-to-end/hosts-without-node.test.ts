import { mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { lineWith, type RunningCommand } from '../../rig/processes/command.ts';
import { startRelay, type RelayOptions } from '../../rig/relay/relay.ts';
import { expectSentence, jsonLines, useBasyn } from '../support/basyn.ts';
import {
  expectSame,
  pairIn,
  sending,
  sendingLauncher,
  sentPrograms,
  uploadLimitMs,
} from '../support/host-pairs.ts';
import { useHostRoot, type HostRoot, type RootKind } from '../support/host-roots.ts';
import { casesOf } from '../support/lab-cases.ts';
import { isRoot } from '../support/loop-device.ts';

const basyn = useBasyn({ deadlineMs: uploadLimitMs });
const limit = { timeout: uploadLimitMs };

/** For node and for what a test leaves there. */
const enoughMemory = 'mode=1777,size=200m';

describe.skipIf(!isRoot)('a host without node (needs root)', () => {
  const kinds: readonly RootKind[] = ['busybox', 'busybox and musl', 'debian'];
  describe.each(casesOf(kinds, (kind) => kind === 'busybox'))('that has %s only', (kind) => {
    const root = useHostRoot({ kind, memory: enoughMemory });

    test('receives the one that runs here, and nothing of it remains', limit, async () => {
      const pair = pairIn(root());
      const result = await basyn.run([...pair.options, '--json']);
      expect(result).toMatchObject({ exitCode: 0 });
      const lines = jsonLines(result);
      expect(lines.find(({ type }) => type === 'runtime-start')).toMatchObject({
        name: `node ${process.versions.node}`,
        storage: 'memory',
        path: expect.stringMatching(/^\/dev\/shm\/basyn-/) as unknown,
      });
      expect(lines.find(({ type }) => type === 'runtime-progress')).toMatchObject({
        sizeBytes: expect.any(Number) as unknown,
      });
      const end = lines.find(({ type }) => type === 'runtime-end')!;
      expect(end.sentBytes).toBeLessThan(60e6);
      expectSame(pair);
      expect(root().leftovers()).toEqual([]);
    });

    test('is swept by the next run if its shell was killed in the middle', limit, async () => {
      const first = await startOver({ bandwidthMbit: 30 });
      const [left] = root().leftovers();
      // What another user, or another run, has there stays.
      const others = [
        `basyn-${'0'.repeat(32)}-${process.pid}-${left!.split('-').at(-1)!}`,
        `basyn-${'0'.repeat(32)}-1-1`,
      ];
      for (const name of others) mkdirSync(join(root().path, 'dev/shm', name), { mode: 0o700 });
      onTestFinished(() => {
        for (const name of others) rmSync(join(root().path, 'dev/shm', name), { recursive: true });
      });
      process.kill(Number(left!.split('-')[2]), 'SIGKILL');
      expect(await first.result).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('stopped after') as unknown,
      });
      expect(root().leftovers()).toContain(left);
      const again = pairIn(root());
      const options = [...again.options, ...sendingLauncher(root().hiddenNode)];
      expect(await basyn.run(options)).toMatchObject({ exitCode: 0 });
      expectSame(again);
      expect(root().leftovers().sort()).toEqual(others.sort());
    });

    test('has nothing of it any more when it runs', limit, async () => {
      const pair = pairIn(root(), await portOf({ bandwidthMbit: 10 }), 6_000_000);
      const options = [...pair.options, ...sendingLauncher(root().hiddenNode), '--json'];
      const running = await basyn.start(options, { deadlineMs: uploadLimitMs });
      await lineWith(running.child.stdout!, '"phase-start"');
      expect(root().leftovers()).toEqual([]);
      const isOver = await Promise.race([running.result.then(() => true), sleep(100).then(() => false)]);
      expect(isOver).toBe(false);
      expect(await running.result).toMatchObject({ exitCode: 0, stderr: '' });
    });

    test('has nothing of it after a SIGKILL in the middle', limit, async () => {
      const killed = await startOver({ bandwidthMbit: 30 });
      expect(root().leftovers()).toHaveLength(1);
      killed.child.kill('SIGKILL');
      await killed.result;
      await expectNothingLeft(root());
    });

    test(
      'has nothing of it after the link was cut, and the sentence says how far it got',
      limit,
      async () => {
        const options = pairIn(root(), await portOf({ cutAfterBytes: 8_000_000 })).options;
        expectSentence(
          await basyn.run(options),
          2,
          /there is no node, and sending node [\d.]+ stopped after \d+ of \d+ bytes \(.*\)\.$/,
        );
        await expectNothingLeft(root());
      },
    );

    test(
      'whose link takes nothing more ends the run after the timeout, and nothing remains',
      limit,
      async () => {
        const relay = await startRelay({ targetPort: root().server.port, stallAfterBytes: 8_000_000 });
        onTestFinished(() => relay.stop());
        expectSentence(
          await basyn.run([...pairIn(root(), relay.port).options, '--timeout=10']),
          2,
          /stopped after \d+ of \d+ bytes, because .* for 10 seconds\. If .* raise --timeout\.$/,
        );
        // Until now, the host could not know it.
        await relay.stop();
        await expectNothingLeft(root());
      },
    );

    describe.each(sentPrograms)('with --remote-keep and %s', (sent) => {
      test('keeps one copy, and the next run sends nothing', limit, async () => {
        await expectKept(root(), sending(sent, root().hiddenNode));
      });
    });

    test.each(casesOf(['the same'], () => false))(
      'keeps the copy of a run that sends %s',
      limit,
      async () => {
        const cache = join(root().path, 'root/.cache');
        onTestFinished(() => rmSync(cache, { recursive: true }));
        const launcher = [...sendingLauncher(root().hiddenNode, 3_000_000), '--remote-keep'];
        const slow = pairIn(root(), await portOf({ bandwidthMbit: 10 }));
        const started = await basyn.start([...slow.options, ...launcher, '--verbose']);
        await lineWith(started.child.stdout!, 'is sent');
        const quick = pairIn(root());
        expect(await basyn.run([...quick.options, ...launcher])).toMatchObject({ exitCode: 0, stderr: '' });
        const [kept] = root()
          .leftovers()
          .filter((name) => !name.startsWith('basyn-'));
        const { ino } = statSync(join(cache, 'basyn', kept!));
        expect(await started.result).toMatchObject({ exitCode: 0, stderr: '' });
        expectSame(slow);
        expect(root().leftovers()).toEqual([kept]);
        expect(statSync(join(cache, 'basyn', kept!)).ino).toBe(ino);
      },
    );

    async function portOf(link: Omit<RelayOptions, 'targetPort'>): Promise<number> {
      const relay = await startRelay({ targetPort: root().server.port, ...link });
      onTestFinished(() => relay.stop());
      return relay.port;
    }

    /** A run in the middle of sending node. */
    async function startOver(link: Omit<RelayOptions, 'targetPort'>): Promise<RunningCommand> {
      const { options } = pairIn(root(), await portOf(link));
      return startInMiddle([...options, '--verbose']);
    }
  });

  describe('whose home directory is in memory', () => {
    const root = useHostRoot({ kind: 'busybox', disks: 'mode=1777,size=200m' });
    test('keeps a copy with --remote-keep, too', limit, async () => {
      await expectKept(root(), sendingLauncher(root().hiddenNode));
    });
  });

  describe('without a place for it', () => {
    describe('because no directory allows programs', () => {
      const root = useHostRoot({ kind: 'busybox', memory: 'mode=1777,noexec', disks: 'mode=1777,noexec' });
      test('is reported with each directory', async () => {
        const result = await basyn.run(pairIn(root()).options);
        expectSentence(
          result,
          2,
          /there is no node, and no place to run one from \(\/dev\/shm: noexec, .*\/tmp: noexec.*\): install node there\.$/,
        );
        expect(root().leftovers()).toEqual([]);
      });
    });

    describe('because all of them are too small', () => {
      const root = useHostRoot({ kind: 'busybox', memory: 'mode=1777,size=50m', disks: 'mode=1777,size=1m' });
      test('is reported with what is free and what is needed', async () => {
        const result = await basyn.run(pairIn(root()).options);
        expectSentence(
          result,
          2,
          /\(\/dev\/shm: 52 MB free, \d+ needed, .*\/tmp: \d MB free, \d+ needed.*\): install/,
        );
        expect(root().leftovers()).toEqual([]);
      });

      test('is reported also if one is full', async () => {
        fill(join(root().path, 'dev/shm'));
        const result = await basyn.run(pairIn(root()).options);
        expectSentence(result, 2, /\(\/dev\/shm: 0 MB free, \d+ needed, /);
        expect(root().leftovers()).toEqual([]);
      });

      test('is reported, and nothing remains, if it becomes full in the middle', limit, async () => {
        const relay = await startRelay({ targetPort: root().server.port, bandwidthMbit: 30 });
        onTestFinished(() => relay.stop());
        const { options } = pairIn(root(), relay.port);
        const launcher = sendingLauncher(root().hiddenNode, 20_000_000);
        const filled = await startInMiddle([...options, ...launcher, '--verbose']);
        fill(join(root().path, 'dev/shm'));
        const { exitCode, stderr } = await filled.result;
        expect({ exitCode, stderr }).toEqual({
          exitCode: 2,
          stderr: expect.stringMatching(
            /^basyn: .*there is no node, and sending launcher stopped after \d+ of \d+ bytes \(.*No space left on device\)\.\n$/,
          ) as unknown,
        });
        expect(root().leftovers()).toEqual([]);
      });
    });

    describe.each(sentPrograms)('in memory for %s', (sent) => {
      const root = useHostRoot({ kind: 'busybox', memory: 'mode=1777,size=1m' });
      test('is one with a disk, and a warning says that it is used', limit, async () => {
        const pair = pairIn(root());
        const options = [...pair.options, ...sending(sent, root().hiddenNode, 2_000_000)];
        const { exitCode, stderr } = await basyn.run(options);
        expect({ exitCode, stderr }).toEqual({
          exitCode: 0,
          stderr: expect.stringMatching(
            /^basyn: warning: 127\.0\.0\.1 has no node, and no memory to put one in \(\/dev\/shm: 1 MB free, \d+ needed.*\): .* written to a disk there, at \/tmp\/basyn-/,
          ) as unknown,
        });
        expectSame(pair);
        expect(root().leftovers()).toEqual([]);
      });
    });
  });
});

/** Two runs keep one copy, which the second one uses, and remove an older one. */
async function expectKept(root: HostRoot, sent: readonly string[]): Promise<void> {
  const cache = join(root.path, 'root/.cache');
  mkdirSync(join(cache, 'basyn', 'f'.repeat(64)), { recursive: true, mode: 0o700 });
  onTestFinished(() => rmSync(cache, { recursive: true }));
  const options = [...sent, '--remote-keep'];
  const first = pairIn(root);
  expect(await basyn.run([...first.options, ...options])).toMatchObject({ exitCode: 0, stderr: '' });
  expectSame(first);
  const [kept, ...rest] = root.leftovers();
  expect(rest).toEqual([]);
  expect(kept).toMatch(/^(?!f{64})[0-9a-f]{64}$/);
  const second = pairIn(root);
  const result = await basyn.run([...second.options, ...options, '--json']);
  expect(result).toMatchObject({ exitCode: 0 });
  expectSame(second);
  const lines = jsonLines(result);
  expect(lines.find(({ type }) => type === 'runtime-start')).toMatchObject({ storage: 'found' });
  expect(lines.map(({ type }) => type)).not.toContain('runtime-end');
  expect(root.leftovers()).toEqual([kept]);
  // As after a power cut. The first attempt removes it.
  writeFileSync(join(cache, 'basyn', kept!, 'node'), 'no program\n');
  const third = pairIn(root);
  const repaired = await basyn.run([...third.options, ...options, '--retries=1', '--retry-wait=1', '--json']);
  expect(repaired).toMatchObject({ exitCode: 0 });
  expect(jsonLines(repaired).find(({ type }) => type === 'attempt')).toMatchObject({
    reason: expect.stringMatching(/the node that was kept there can't run, and is removed/),
  });
  expectSame(third);
  expect(root.leftovers()).toEqual([kept]);
}

async function startInMiddle(options: readonly string[]): Promise<RunningCommand> {
  const started = await basyn.start(options, { deadlineMs: uploadLimitMs });
  await lineWith(started.child.stdout!, 'is sent, into its memory');
  return started;
}

/** Leaves no byte free until the test has finished. */
function fill(directory: string): void {
  const path = join(directory, 'filler');
  onTestFinished(() => rmSync(path));
  const { bavail, bsize } = statfsSync(directory);
  writeFileSync(path, Buffer.alloc(bavail * bsize));
}

/** The shell there notices the end of the connection soon. */
async function expectNothingLeft(root: HostRoot): Promise<void> {
  for (let tries = 0; tries < 100 && root.leftovers().length > 0; tries++) await sleep(100);
  expect(root.leftovers()).toEqual([]);
}
