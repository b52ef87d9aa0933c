import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runCommand } from '../../rig/processes/command.ts';
import { useBasyn } from '../support/basyn.ts';
import { makeHollowPair, runOptions } from '../support/disks.ts';
import { scratchDirectory } from '../support/scratch.ts';

const basyn = useBasyn();
const GiB = 1024 ** 3;

test('Ctrl-C and a window that was made narrower leave nothing of the progress on a real terminal', async () => {
  const words = [basyn.executable, ...runOptions('PUSH', 'SYNC', makeHollowPair(64 * GiB)), '--progress'];
  const terminal = await openTerminal(`${words.join(' ')}; echo "exit code $?"; sleep 60`, 80);
  await expect
    .poll(() => terminal.rows(), { timeout: 10_000 })
    .toEqual([expect.stringMatching(/^sync \[.*left/)]);
  // tmux wraps the line anew, as most terminals do.
  await terminal.resize(50);
  await expect
    .poll(() => terminal.rows(), { timeout: 10_000 })
    .toEqual([expect.stringMatching(/^sync .{20,43}left$/)]);
  await terminal.type('C-c');
  await expect.poll(async () => (await terminal.rows()).at(-1), { timeout: 10_000 }).toBe('exit code 2');
  // A space at the end of a row is not shown.
  const text = (await terminal.rows()).join('').replaceAll(' ', '');
  expect(text).toMatch(/^basyn:StoppedbySIGINTduringsyncat\d+of68719476736bytes\(\d+%\)\.Thetarget/);
  expect(text).not.toMatch(/\^C|left|#|--\]/);
});

interface Terminal {
  /** What it shows, without empty rows. */
  rows(): Promise<string[]>;
  resize(columns: number): Promise<void>;
  type(key: string): Promise<void>;
}

/** A terminal in memory, which runs a command. */
async function openTerminal(command: string, columns: number): Promise<Terminal> {
  const socket = join(scratchDirectory(), 'tmux');
  const tmux = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await runCommand('tmux', ['-f', '/dev/null', '-S', socket, ...args]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return stdout;
  };
  await tmux('new-session', '-d', '-x', `${columns}`, '-y', '12', command);
  onTestFinished(async () => {
    await tmux('kill-server');
  });
  return {
    rows: async () => (await tmux('capture-pane', '-p')).split('\n').filter((row) => row !== ''),
    resize: async (width) => {
      await tmux('resize-window', '-x', `${width}`);
    },
    type: async (key) => {
      await tmux('send-keys', key);
    },
  };
}
