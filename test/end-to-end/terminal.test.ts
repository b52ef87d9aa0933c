import { expect, test } from 'vitest';
import { useBasyn } from '../support/basyn.ts';
import { makeHollowPair, runOptions } from '../support/disks.ts';
import { openTerminal } from '../support/terminal.ts';

const basyn = useBasyn();
const GiB = 1024 ** 3;

test('Ctrl-C and a window that was made narrower leave nothing of the progress on a real terminal', async () => {
  const words = [basyn.executable, ...runOptions('PUSH', 'SYNC', makeHollowPair(64 * GiB)), '--progress'];
  const terminal = await openTerminal(`${words.join(' ')}; echo "exit code $?"; sleep 60`, 80);
  await expect.poll(() => terminal.rows()).toEqual([expect.stringMatching(/^sync \[.*left/)]);
  // tmux wraps the line anew, as most terminals do.
  await terminal.resize(50);
  await expect.poll(() => terminal.rows()).toEqual([expect.stringMatching(/^sync .{20,43}left$/)]);
  await terminal.type('C-c');
  await expect.poll(async () => (await terminal.rows()).at(-1)).toBe('exit code 2');
  // A space at the end of a row is not shown.
  const text = (await terminal.rows()).join('').replaceAll(' ', '');
  expect(text).toMatch(/^basyn:StoppedbySIGINTduringsyncat\d+of68719476736bytes\(\d+%\)\.Thetarget/);
  expect(text).not.toMatch(/\^C|left|#|--\]/);
});
