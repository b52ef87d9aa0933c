import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { runCommand } from '../../rig/processes/command.ts';
import { scratchDirectory } from './scratch.ts';

export interface Terminal {
  /** What it shows, without empty rows. */
  rows(): Promise<string[]>;
  resize(columns: number): Promise<void>;
  /** Types keys by tmux's names, such as `C-c`, `Tab` and `Enter`. */
  type(...keys: string[]): Promise<void>;
  /** Types this text as it is. */
  write(text: string): Promise<void>;
}

/** A terminal in memory, which runs a command. It is closed after the test. */
export async function openTerminal(command: string, columns: number): Promise<Terminal> {
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
    type: async (...keys) => {
      await tmux('send-keys', ...keys);
    },
    write: async (text) => {
      await tmux('send-keys', '-l', '--', text);
    },
  };
}
