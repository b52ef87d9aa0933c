import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { scratchDirectory } from './scratch.ts';

/**
 * Shows a directory as if it were on a slow disk. Needs root, and python3-fusepy. It is removed after the test.
 *
 * @returns the path of the slow view.
 */
export async function slowViewOf(directory: string, bytesPerSecond: number): Promise<string> {
  const mountPoint = scratchDirectory();
  const { dev } = statSync(mountPoint);
  const script = fileURLToPath(new URL('fuse/slow.py', import.meta.url));
  const args = [script, directory, mountPoint, `${bytesPerSecond}`];
  const child = spawn('/usr/bin/python3', args, { stdio: 'inherit' });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    execFileSync('umount', [mountPoint]);
    await exited;
  });
  while (statSync(mountPoint).dev === dev) {
    if (child.exitCode !== null) throw new Error('the file system could not be mounted');
    await sleep(20);
  }
  return mountPoint;
}
