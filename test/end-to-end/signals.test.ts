import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { hostOptions, isScript, linesOf, useBasyn } from '../support/basyn.ts';
import {
  lineWith,
  runCommand,
  type CommandOptions,
  type RunningCommand,
} from '../../rig/processes/command.ts';
import { makeHollowPair, runOptions } from '../support/disks.ts';
import { descendants } from '../../rig/processes/processes.ts';
import { agentCommand } from '../../src/transport/loader/bootstrap.ts';
import { node18 } from '../support/node-versions.ts';
import { useProcessCheck } from '../support/process-check.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { environmentWithSsh } from '../support/ssh-script.ts';

const server = useSshServer();
const basyn = useBasyn();

const processes = useProcessCheck();

describe.each(['here', 'over ssh'] as const)('%s', (where) => {
  const cases = (['SIGINT', 'SIGTERM'] as const).flatMap((signal) =>
    (['PUSH', 'POP'] as const).map((action) => ({ signal, action })),
  );

  test.each(cases)(
    '$signal ends a $action: it reports its progress, exits with 2, and leaves no process',
    async ({ signal, action }) => {
      const run = await startLongRun(action);
      run.child.kill(signal);
      const { exitCode, stderr, wallMs } = await run.result;
      expect(exitCode).toBe(2);
      expect(linesOf(stderr)).toEqual([
        expect.stringMatching(
          new RegExp(
            `^basyn: Stopped by ${signal} during sync at \\d+ of 68719476736 bytes \\(\\d+%\\)\\. ` +
              'The target may be incomplete: run it again with --mode=SYNC to repair it\\.$',
          ),
        ),
      ]);
      expect(wallMs).toBeLessThan(15_000);
      await processes.expectNothingLeft();
    },
  );

  test('SIGUSR1 prints the progress, opens no debugger of node, and the run continues', async () => {
    const run = await startLongRun('PUSH');
    run.child.kill('SIGUSR1');
    await lineWith(run.child.stdout!, '"progress"');
    run.child.kill('SIGTERM');
    const { exitCode, stderr } = await run.result;
    expect(exitCode).toBe(2);
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(/^\d{4}-.*Z sync: \d+% \(.* of 64\.0 GiB\), read .*, sent .* left$/),
      expect.stringMatching(/^basyn: Stopped by SIGTERM during sync /),
    ]);
  });

  test('SIGKILL leaves no process on either side', async () => {
    const run = await startLongRun('PUSH');
    run.child.kill('SIGKILL');
    expect(await run.result).toMatchObject({ signal: 'SIGKILL' });
    await processes.expectNothingLeft(10_000);
  });

  /** A run over many gigabytes of zeros, once it has made progress. */
  async function startLongRun(action: 'PUSH' | 'POP'): Promise<RunningCommand> {
    const host = where === 'here' ? [] : hostOptions(server());
    const args = [...runOptions(action, 'SYNC', makeHollowPair()), ...host, '--json'];
    const run = await basyn.start(args);
    await lineWith(run.child.stdout!, '"phase-start"');
    return run;
  }
});

test('a terminal that is closed ends a run as SIGHUP does: with exit code 2, and no crash', async () => {
  // The program runs at a separate terminal, which closes as soon as the progress is shown.
  const terminal = [
    'import os, pty, sys',
    'pid, fd = pty.fork()',
    'if pid == 0: os.execv(sys.argv[1], sys.argv[1:])',
    'while b"sync" not in os.read(fd, 4096): pass',
    'os.close(fd)',
    'status = os.waitpid(pid, 0)[1]',
    'print(os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status))',
  ].join('\n');
  const args = [...runOptions('PUSH', 'SYNC', makeHollowPair()), '--progress'];
  const command = ['-c', terminal, basyn.executable, ...args];
  const { stdout } = await runCommand('python3', command);
  expect(stdout).toBe('2\n');
});

test('a signal before the start of the first phase is reported as such', async () => {
  // The command that should start node only discards its input.
  const run = await startSlowly('cat >/dev/null; node');
  await expect.poll(() => namesBelow(server().pid)).toContain('cat');
  run.child.kill('SIGINT');
  const { exitCode, stderr } = await run.result;
  expect(exitCode).toBe(2);
  expect(linesOf(stderr)).toEqual(['basyn: Stopped by SIGINT before anything was compared or written.']);
});

test('SIGUSR1 names the host while the run connects', async () => {
  const run = await startSlowly('cat >/dev/null; node');
  await expect.poll(() => namesBelow(server().pid)).toContain('cat');
  run.child.kill('SIGUSR1');
  await lineWith(run.child.stderr!, 'connecting to');
  run.child.kill('SIGINT');
  expect(linesOf((await run.result).stderr)).toEqual([
    expect.stringMatching(/^\d{4}-.*Z connecting to /),
    expect.stringMatching(/^basyn: Stopped by SIGINT /),
  ]);
});

test.skipIf(!isScript)(
  'the first statement of both programs keeps node from opening its debugger on SIGUSR1',
  () => {
    const [, first] = readFileSync(basyn.executable, 'utf8').split('\n');
    expect(first).toContain("process.on('SIGUSR1'");
    expect(agentCommand('node')).toMatch(/^node -e 'var f=require\("fs"\),p=process;p\.on\("SIGUSR1"/);
  },
);

test('a second signal ends the run at once, whatever ssh does', async () => {
  const temporary = scratchDirectory();
  const deaf = environmentWithSsh('[ "$1" != -G ] || exec ssh "$@"', 'trap "" TERM', 'exec sleep 4');
  const run = await startSlowly('node', { ...deaf, TMPDIR: temporary });
  await expect.poll(() => namesBelow(run.pid)).toContain('sleep 4');
  run.child.kill('SIGINT');
  // Later than an echo of the first one, and sooner than ssh is killed.
  await sleep(1000);
  run.child.kill('SIGINT');
  // No report of the progress: that would follow the first signal.
  expect(await run.result).toMatchObject({ ...atOnce, stderr: '' });
  // The cleaner removes what the run had no time to remove.
  await expect.poll(() => readdirSync(temporary)).toEqual([]);
});

test.skipIf(!isScript)(
  'a second signal is recognised even if the system clock was set back in between',
  async () => {
    const deaf = environmentWithSsh('[ "$1" != -G ] || exec ssh "$@"', 'trap "" TERM', 'exec sleep 4');
    const back = scratchFile(
      Buffer.from('const began = Date.now(); const now = Date.now; Date.now = () => 2 * began - now();'),
      'back.cjs',
    );
    const run = await startSlowly('node', { ...deaf, NODE_OPTIONS: `--require=${back}` });
    await expect.poll(() => namesBelow(run.pid)).toContain('sleep 4');
    run.child.kill('SIGINT');
    await sleep(1000);
    run.child.kill('SIGINT');
    expect(await run.result).toMatchObject({ ...atOnce, stderr: '' });
  },
);

/** Node 18.13, under which the laboratory runs these tests, can end at once only by a signal. */
const atOnce =
  node18 !== undefined && process.env.BASYN_TEST_NODE === node18 ? { signal: 'SIGKILL' } : { exitCode: 2 };

/** A run whose agent takes long to send its first byte. */
async function startSlowly(remoteNode: string, env: CommandOptions['env'] = {}): Promise<RunningCommand> {
  const [source, target] = [scratchFile(Buffer.alloc(10)), scratchFile(Buffer.alloc(10))];
  const slow = [...hostOptions(server()), `--remote-node=${remoteNode}`];
  return basyn.start([...runOptions('PUSH', 'SYNC', { source, target }), ...slow], { env });
}

function namesBelow(pid: number): string[] {
  return descendants(pid).map(({ name }) => name);
}
