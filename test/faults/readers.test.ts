import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { hostOptions, linesOf, useBasyn } from '../support/basyn.ts';
import { lineWith } from '../../rig/processes/command.ts';
import { makeHollowPair, makePair, runOptions, type DiskPair } from '../support/disks.ts';
import { killTree } from '../../rig/processes/processes.ts';
import { useProcessCheck } from '../support/process-check.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { unreadPipe } from '../support/unread-pipe.ts';

const server = useSshServer();
const basyn = useBasyn();
const MiB = 1024 * 1024;

useProcessCheck();

describe('a reader that does not read', () => {
  test.each(['--debug', '--json'])(
    'neither stops the run nor makes its memory grow, whatever the amount of output (%s)',
    async (option) => {
      const pair = makePair({ sizeBytes: 4 * MiB });
      const [stdout, stderr] = [unreadPipe('empty'), unreadPipe('empty')];
      // In portions: output before the agent runs is not passed on, and the first portion may have ended by then.
      const portion = `yes 'a line of the remote side' | head -c ${2 * MiB}`;
      const flood = `(for i in $(seq 50); do ${portion} >&2; sleep 0.1; done; echo flooded >&2)`;
      const child = start(
        [
          ...runOptions('PUSH', 'COPY', pair),
          ...hostOptions(server()),
          `--remote-node=f() { ${flood} & node "$@"; wait; }; f`,
          option,
          '--debug',
          '--timeout=10',
        ].filter((argument, index, all) => all.indexOf(argument) === index),
        [stdout.fd, stderr.fd],
      );
      const exit = once(child, 'exit');
      stdout.release();
      stderr.release();
      await expect.poll(() => isSynchronised(pair), { timeout: 60_000, interval: 200 }).toBe(true);
      await sleep(2_000);
      expect(peakBytes(child.pid!)).toBeLessThan(256 * MiB);
      const texts = { stdout: '', stderr: '' };
      const reading = setInterval(() => {
        texts.stdout += stdout.read();
        texts.stderr += stderr.read();
      }, 20);
      const [exitCode] = (await exit) as [number];
      clearInterval(reading);
      texts.stdout += stdout.read();
      texts.stderr += stderr.read();
      expect(exitCode).toBe(0);
      expect(texts.stderr).toMatch(
        /^basyn: warning: \d+ lines were dropped because the reader was too slow\.$/m,
      );
      expect(texts.stderr.length).toBeLessThan(50 * MiB);
      if (option !== '--json') return;
      const objects = linesOf(texts.stdout).map((line) => JSON.parse(line));
      expect(objects.at(-1)).toMatchObject({ type: 'result' });
      expect(objects.map(({ type }) => type)).toEqual(
        expect.arrayContaining(['start', 'phase-start', 'phase-end']),
      );
      expect(objects.map(({ message }) => message)).toContainEqual(
        expect.stringMatching(/^\d+ lines? w\w+ dropped/),
      );
    },
  );

  test('still gets the result when it reads again, and the command waits for that', async () => {
    const pair = makePair();
    const stdout = unreadPipe('full');
    const child = start([...runOptions('PUSH', 'SYNC', pair), '--json'], [stdout.fd, 'pipe']);
    const exit = once(child, 'exit');
    stdout.release();
    await expect.poll(() => isSynchronised(pair)).toBe(true);
    await sleep(1_000);
    expect(child.exitCode).toBeNull();
    let text = '';
    const reading = setInterval(() => (text += stdout.read()), 20);
    expect(await exit).toEqual([0, null]);
    clearInterval(reading);
    text += stdout.read();
    expect(JSON.parse(linesOf(text).at(-1)!)).toMatchObject({ type: 'result' });
  });

  test.each([
    ['during a run', 64 * 1024 * MiB, true, /^basyn: Stopped by SIGTERM during sync at /],
    [
      'after the run',
      1 * MiB,
      false,
      /^basyn: The output can't be written to the end: its reader .* signal\.$/m,
    ],
  ])('does not keep a signal from ending the command %s', async (_when, sizeBytes, isOpen, sentence) => {
    const { source, target } = makeHollowPair(sizeBytes);
    const stdout = unreadPipe('full');
    const child = start([...runOptions('PUSH', 'SYNC', { source, target }), '--json'], [stdout.fd, 'pipe']);
    const exit = once(child, 'exit');
    stdout.release();
    await expect.poll(() => hasOpen(child.pid!, target), { interval: 5 }).toBe(true);
    if (!isOpen) await expect.poll(() => hasOpen(child.pid!, target)).toBe(false);
    const startedMs = performance.now();
    child.kill('SIGTERM');
    const said = (await child.stderr!.toArray()).join('');
    expect(await exit).toEqual([2, null]);
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    expect(said).toMatch(sentence);
  });
});

test('a terminal that is paused by Ctrl-S does not pause the run', async () => {
  const pair = makePair({ sizeBytes: 8 * MiB });
  const args = [
    ...runOptions('PUSH', 'COPY', pair),
    ...hostOptions(server()),
    '--progress',
    '--verbose',
    '--timeout=3',
  ];
  const command = [basyn.executable, ...args]
    .map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`)
    .join(' ');
  // It creates a terminal, and passes on what is typed there.
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    stdio: 'pipe',
  });
  onTestFinished(() => killTree(child.pid!));
  const exit = once(child, 'exit');
  const screen = lineWith(child.stdout, 'start: copy');
  let shown = '';
  child.stdout.on('data', (bytes: Buffer) => (shown += bytes.toString()));
  await screen;
  child.stdin.write('\x13');
  await expect.poll(() => isSynchronised(pair), { timeout: 30_000, interval: 200 }).toBe(true);
  // Longer than either side waits for a sign of life from its peer.
  await sleep(4_000);
  expect(shown).not.toContain('all done');
  child.stdin.write('\x11');
  expect(await exit).toEqual([0, null]);
  expect(shown).toContain('end: all done');
});

/** Starts the command with this stdout and stderr. */
function start(args: readonly string[], [stdout, stderr]: [number | 'pipe', number | 'pipe']): ChildProcess {
  const child = spawn(basyn.executable, args, { stdio: ['ignore', stdout, stderr] });
  onTestFinished(() => killTree(child.pid!));
  return child;
}

function isSynchronised({ target, wanted }: DiskPair): boolean {
  return readFileSync(target).equals(wanted);
}

function hasOpen(pid: number, path: string): boolean {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).some((descriptor) => {
    try {
      return readlinkSync(`${directory}/${descriptor}`) === path;
    } catch {
      // It was closed in the meantime.
      return false;
    }
  });
}

/** The peak memory of the process. */
function peakBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}
