import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { lineWith, runCommand, startCommand, type CommandResult } from '../../rig/processes/command.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';
import { tuning } from '../../src/limits.ts';
import {
  expectLines,
  expectSentence,
  expectSilence,
  hostOptions,
  jsonLines,
  jsonPhases,
  useBasyn,
} from '../support/basyn.ts';
import { deviceOptions, expectSynchronised, makeHollowPair, makePair, runOptions } from '../support/disks.ts';
import { expectSame, pairIn, uploadLimitMs } from '../support/host-pairs.ts';
import { useHostRoot } from '../support/host-roots.ts';
import { casesOf } from '../support/lab-cases.ts';
import { isRoot } from '../support/loop-device.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { useStandalone } from '../support/standalone.ts';

const server = useSshServer();
const standalone = useStandalone();
const basyn = useBasyn();

/** Large enough for threads. */
const sizeBytes = tuning.inlineBytes + 1;

describe('the standalone executable', () => {
  test.each(['SYNC', 'COPY'])('performs a %s here without node, past the page cache', async (mode) => {
    const pair = makePair({ sizeBytes });
    const args = [...deviceOptions('PUSH', pair), '-a', 'PUSH', '-m', mode, '--recheck', '--json'];
    const result = await runCommand(standalone.path, args, {
      env: { PATH: pathWithoutNode(scratchDirectory()) },
    });
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(jsonPhases(result).at(-1)).toMatchObject({
      phase: 'recheck',
      sourceReads: 'direct',
      targetReads: 'direct',
    });
    expectSynchronised(pair);
  });

  test.each(['PUSH', 'POP'] as const)('is node for its own agent in a %s over ssh', async (action) => {
    const pair = makePair({ sizeBytes });
    const result = await overSsh(pair, action, (args) => runCommand(standalone.path, args));
    expectSilence(result);
    expectSynchronised(pair);
  });

  test('is node for the agent of the program that runs under node', async () => {
    const pair = makePair({ sizeBytes });
    expectSilence(await overSsh(pair, 'PUSH', (args) => basyn.run(args)));
    expectSynchronised(pair);
  });

  function overSsh(
    pair: ReturnType<typeof makePair>,
    action: 'PUSH' | 'POP',
    run: (args: readonly string[]) => Promise<CommandResult>,
  ): Promise<CommandResult> {
    return run([
      ...deviceOptions(action, pair),
      ...['-a', action, '-m', 'SYNC', '--compress=zstd', '--recheck'],
      ...hostOptions(server()),
      `--remote-node=${standalone.path}`,
    ]);
  }

  describe('installed on the host', () => {
    const bin = makeTemporaryDirectory('bin');
    afterAll(() => bin.remove());
    symlinkSync(standalone.path, join(bin.path, 'basyn'));
    const there = useSshServer({
      profile: { environment: { PATH: `${bin.path}:${pathWithoutNode(bin.path)}` } },
    });
    test('is what --remote-node=basyn starts, and nothing else is sent', async () => {
      const pair = makePair({ sizeBytes });
      const args = [...runOptions('PUSH', 'SYNC', pair), ...hostOptions(there()), '--remote-node=basyn'];
      const result = await basyn.run([...args, '--recheck', '--json']);
      expect(result).toMatchObject({ exitCode: 0, stderr: '' });
      expect(jsonLines(result).map(({ type }) => type)).not.toContain('runtime-start');
      expectSynchronised(pair);
    });
  });

  test('refuses to write to a target that another run writes to', async () => {
    const pair = makeHollowPair();
    const first = await startCommand(standalone.path, [...runOptions('PUSH', 'SYNC', pair), '--json']);
    await lineWith(first.child.stdout!, '"phase-start"');
    expectSentence(await runCommand(standalone.path, runOptions('PUSH', 'SYNC', pair)), 2, /another run/);
    first.child.kill('SIGTERM');
    expect(await first.result).toMatchObject({ exitCode: 2 });
  });

  test('is not affected by settings for node', async () => {
    const env = { NODE_OPTIONS: '--require=/no/such/file' };
    expect(expectLines(await runCommand(standalone.path, ['--version'], { env }))).toEqual([
      expect.stringMatching(/^basyn \d/),
    ]);
  });

  test('opens no debugger of node on SIGUSR1, from its first statement', () => {
    const program = readFileSync(standalone.path);
    // A failed toContain would print all of it.
    expect(program.includes("process.on('SIGUSR1', () => undefined);")).toBe(true);
  });

  test('runs code as `node -e` does', async () => {
    const code =
      'console.log(process.argv.slice(1).join(), typeof require("fs").statSync, this === globalThis)';
    expect(expectLines(await runCommand(standalone.path, ['-e', code, 'a', '-b']))).toEqual([
      'a,-b function true',
    ]);
    const failing = await runCommand(standalone.path, ['-e', 'throw new Error("broken")']);
    expect(failing).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Error: broken') });
  });

  test('uses its compiled form, also on one processor: node would print that it does not', async () => {
    expect(expectLines(await runCommand(standalone.path, ['--version']))).toHaveLength(1);
    for (const [command, ...args] of [
      ['taskset', '-c', '0'],
      ['setarch', '-R'],
    ] as const) {
      const result = await runCommand(command, [...args, standalone.path, '--version']);
      expect(expectLines(result)).toHaveLength(1);
    }
  });

  test('can be executed, and lists the licence of node', () => {
    expect(statSync(standalone.path).mode & 0o777).toBe(0o755);
    const licences = readFileSync(`${standalone.path}.licenses.txt`, 'utf8');
    expect(licences).toContain('Node.js is licensed for use as follows');
    expect(licences).toContain('zstd (BSD-3-Clause)');
  });

  // It takes as long as all the others.
  test.each(casesOf(['again'], () => false))(
    'has the same bytes if it is built %s',
    async () => {
      expect(digestOf(await standalone.build())).toBe(digestOf(standalone.path));
    },
    180_000,
  );
});

// It sends 45 MB, as the node of the other tests does.
describe.skipIf(!isRoot).each(casesOf(['busybox'] as const, () => false))(
  'the standalone executable and a host that has %s only (needs root)',
  (kind) => {
    const root = useHostRoot({ kind, memory: 'mode=1777,size=200m' });
    test('need no node on either side', { timeout: uploadLimitMs }, async () => {
      const pair = pairIn(root());
      const result = await runCommand(standalone.path, [...pair.options, '--json'], {
        deadlineMs: uploadLimitMs,
        env: { PATH: pathWithoutNode(scratchDirectory()) },
      });
      expect(result).toMatchObject({ exitCode: 0, stderr: '' });
      const end = jsonLines(result).find(({ type }) => type === 'runtime-end')!;
      expect(end.sizeBytes).toBeGreaterThan(statSync(standalone.path).size);
      expectSame(pair);
      expect(root().leftovers()).toEqual([]);
    });
  },
);

/** The programs that a run needs besides node. */
function pathWithoutNode(parent: string): string {
  const directory = mkdtempSync(join(parent, 'bin-'));
  for (const program of ['sh', 'dd', 'flock', 'losetup', 'perl', 'ssh', 'stat']) {
    symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), join(directory, program));
  }
  return directory;
}

function digestOf(path: string): string {
  return execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64);
}
