import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { lineWith } from '../../rig/processes/command.ts';
import { startRelay } from '../../rig/relay/relay.ts';
import { hostOptions, type SshServer } from '../../rig/ssh/index.ts';
import { filesEqual, writeImage } from '../../rig/images/images.ts';
import { expectSentence, jsonLines, useBasyn } from '../support/basyn.ts';
import { useHostRoot, type HostRoot, type RootKind } from '../support/host-roots.ts';
import { casesOf } from '../support/lab-cases.ts';
import { isRoot } from '../support/loop-device.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const basyn = useBasyn();
const sizeBytes = 3_000_017;
/** The machine is busy, and all of node is sent. */
const limitMs = 120_000;
const enoughMemory = 'mode=1777,size=200m';

interface Pair {
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

function makePair(server: SshServer, port?: number): Pair {
  const directory = scratchDirectory();
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  writeImage(source, sizeBytes, { seed: 1 });
  writeImage(target, sizeBytes, { seed: 2 });
  const options = [`--local=${source}`, `--remote=${target}`, '--action=PUSH', '--mode=SYNC', '--recheck'];
  return { source, target, options: [...options, ...hostOptions(server, port)] };
}

/** The remote device is in the root. It is the source: a target is examined with tools that a busybox does not have. */
function pairIn(root: HostRoot, port?: number): Pair {
  const { source, target, options } = makePair(root.server, port);
  copyFileSync(source, join(root.path, 'device'));
  const others = options.filter((each) => !/^--(local|remote|action)=/.test(each));
  return { source, target, options: [`--local=${target}`, '--remote=/device', '--action=POP', ...others] };
}

function expectSame({ source, target }: Pair): void {
  expect(filesEqual(source, target, sizeBytes)).toBe(true);
}

describe.skipIf(!isRoot)('a host without node (needs root)', () => {
  const kinds: readonly RootKind[] = ['busybox', 'busybox and musl', 'debian'];
  describe.each(casesOf(kinds, (kind) => kind === 'busybox'))('that has %s only', (kind) => {
    const root = useHostRoot({ kind, memory: enoughMemory });

    test('receives the one that runs here, and nothing of it remains', { timeout: limitMs }, async () => {
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
      expect(end.sentBytes).toBeLessThan(45e6);
      expectSame(pair);
      expect(root().leftovers()).toEqual([]);
    });

    test('is swept by the next run if its shell was killed in the middle', { timeout: limitMs }, async () => {
      const relay = await startRelay({ targetPort: root().server.port, bandwidthMbit: 30 });
      onTestFinished(() => relay.stop());
      const pair = pairIn(root(), relay.port);
      const run = await basyn.start([...pair.options, '--verbose']);
      await lineWith(run.child.stdout!, 'is sent, into its memory');
      const [left] = root().leftovers();
      // What another user, or another run, has there stays.
      const others = [
        `basyn-${'0'.repeat(32)}-${process.pid}-${left!.split('-').at(-1)!}`,
        `basyn-${'0'.repeat(32)}-1-1`,
      ];
      for (const name of others) mkdirSync(join(root().path, 'dev/shm', name), { mode: 0o700 });
      process.kill(Number(left!.split('-')[2]), 'SIGKILL');
      expect(await run.result).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('stopped after') as unknown,
      });
      expect(root().leftovers()).toContain(left);
      const again = pairIn(root());
      expect(await basyn.run(again.options)).toMatchObject({ exitCode: 0 });
      expectSame(again);
      expect(root().leftovers().sort()).toEqual(others.sort());
    });
  });

  describe('in whatever way the run ends', () => {
    const root = useHostRoot({ kind: 'busybox', memory: enoughMemory });

    test('nothing remains after a SIGKILL in the middle', { timeout: limitMs }, async () => {
      const relay = await startRelay({ targetPort: root().server.port, bandwidthMbit: 30 });
      onTestFinished(() => relay.stop());
      const run = await basyn.start([...pairIn(root(), relay.port).options, '--verbose']);
      await lineWith(run.child.stdout!, 'is sent, into its memory');
      expect(root().leftovers()).toHaveLength(1);
      run.child.kill('SIGKILL');
      await run.result;
      await expectNothingLeft(root());
    });

    test(
      'nothing remains after the link was cut, and the sentence says how far it got',
      { timeout: limitMs },
      async () => {
        const relay = await startRelay({ targetPort: root().server.port, cutAfterBytes: 8_000_000 });
        onTestFinished(() => relay.stop());
        const result = await basyn.run(pairIn(root(), relay.port).options);
        expectSentence(
          result,
          2,
          /there is no node, and sending node [\d.]+ stopped after \d+ of \d+ bytes \(.*\)\.$/,
        );
        await expectNothingLeft(root());
      },
    );

    test('a link that takes nothing more ends the run after the timeout', { timeout: limitMs }, async () => {
      const relay = await startRelay({ targetPort: root().server.port, stallAfterBytes: 8_000_000 });
      onTestFinished(() => relay.stop());
      const result = await basyn.run([...pairIn(root(), relay.port).options, '--timeout=10']);
      expectSentence(
        result,
        2,
        /stopped after \d+ of \d+ bytes, because .* for 10 seconds\. If .* raise --timeout\.$/,
      );
    });
  });

  describe('with --remote-keep', () => {
    const root = useHostRoot({ kind: 'busybox', memory: enoughMemory });

    test('keeps one copy, and the next run sends nothing', { timeout: limitMs }, async () => {
      mkdirSync(join(root().path, 'root/.cache/basyn', 'f'.repeat(64)), { recursive: true, mode: 0o700 });
      const first = pairIn(root());
      expect(await basyn.run([...first.options, '--remote-keep'])).toMatchObject({ exitCode: 0 });
      expectSame(first);
      const [kept, ...rest] = root().leftovers();
      expect(rest).toEqual([]);
      expect(kept).toMatch(/^(?!f{64})[0-9a-f]{64}$/);
      const second = pairIn(root());
      const result = await basyn.run([...second.options, '--remote-keep', '--json']);
      expect(result).toMatchObject({ exitCode: 0 });
      expectSame(second);
      const types = jsonLines(result).map(({ type }) => type);
      expect(jsonLines(result).find(({ type }) => type === 'runtime-start')).toMatchObject({
        storage: 'found',
      });
      expect(types).not.toContain('runtime-end');
      expect(root().leftovers()).toEqual([kept]);
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
      test('also if one is full', async () => {
        writeFileSync(join(root().path, 'dev/shm/filler'), '');
        expect(existsSync(join(root().path, 'dev/shm/filler'))).toBe(true);
        await basyn.run(pairIn(root()).options);
        expect(root().leftovers()).toEqual([]);
      });
    });

    describe('in memory', () => {
      const root = useHostRoot({ kind: 'busybox', memory: 'mode=1777,size=50m' });
      test('it is put on a disk, with a warning', { timeout: limitMs }, async () => {
        const pair = pairIn(root());
        const { exitCode, stderr } = await basyn.run(pair.options);
        expect({ exitCode, stderr }).toEqual({
          exitCode: 0,
          stderr: expect.stringMatching(
            /^basyn: warning: 127\.0\.0\.1 has no node, and no memory to put one in \(\/dev\/shm: 52 MB free, \d+ needed.*\): .* written to a disk there, at \/tmp\/basyn-/,
          ) as unknown,
        });
        expectSame(pair);
        expect(root().leftovers()).toEqual([]);
      });
    });
  });

  test('of another kind of machine is refused before anything is sent', async () => {
    const elf = Buffer.alloc(64);
    elf.write('\u007fELF', 'latin1');
    elf.set([2, 1], 4);
    elf.writeUInt16LE(183, 18);
    const file = join(scratchDirectory(), 'node-arm64');
    writeFileSync(file, elf);
    const result = await basyn.run([...makePair(without()).options, `--remote-runtime=${file}`]);
    expectSentence(
      result,
      2,
      /there is no node, and this one can't be sent: 127\.0\.0\.1 is Linux x86_64, node-arm64 is for Linux aarch64: install node there\. .*--remote-runtime\.$/,
    );
  });

  test('for which the given file is no program is refused', async () => {
    const result = await basyn.run([...makePair(without()).options, '--remote-runtime=/etc/passwd']);
    expectSentence(
      result,
      2,
      /there is no node, and \/etc\/passwd is not a program for Linux with 64 bits\./,
    );
  });

  test('on which the given file does not run gets the reason of the host', async () => {
    const file = join(scratchDirectory(), 'false');
    copyFileSync('/bin/false', file);
    const result = await basyn.run([...makePair(without()).options, `--remote-runtime=${file}`]);
    expectSentence(result, 2, /node was sent, and can't run there\.$/);
  });

  const without = useSshServer({ profile: { node: 'missing' } });
});

describe.skipIf(!isRoot)('a login shell', () => {
  const shells = ['dash', 'bash', 'zsh', 'mksh', 'fish', 'tcsh', 'busybox ash', 'rbash'];
  describe.each(casesOf(shells, (shell) => shell === 'fish'))('%s', (shell) => {
    const there = useSshServer({ profile: { node: 'missing', shell } });
    test('starts a node that is sent', { timeout: limitMs }, async () => {
      const pair = makePair(there());
      expect(await basyn.run(pair.options)).toMatchObject({ exitCode: 0, stderr: '' });
      expectSame(pair);
    });
  });
});

async function expectNothingLeft(root: HostRoot): Promise<void> {
  for (let tries = 0; tries < 100 && root.leftovers().length > 0; tries++) await sleep(100);
  expect(root.leftovers()).toEqual([]);
}
