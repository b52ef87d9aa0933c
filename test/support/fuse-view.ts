import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/**
 * Mounts one of the file systems in `fuse/`, which show a directory. Needs root, and python3-fusepy. It is unmounted after the
 * test.
 */
export async function mountView(
  program: 'bad_sectors.py' | 'restless.py' | 'slow.py',
  directory: string,
  mountPoint: string,
  ...more: readonly string[]
): Promise<void> {
  const { dev } = statSync(mountPoint);
  const script = fileURLToPath(new URL(`fuse/${program}`, import.meta.url));
  // -B: it would leave its compiled parts beside them.
  const child = spawn('/usr/bin/python3', ['-B', script, directory, mountPoint, ...more], {
    stdio: 'inherit',
  });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    execFileSync('umount', [mountPoint]);
    await exited;
  });
  while (statSync(mountPoint).dev === dev) {
    if (child.exitCode !== null) throw new Error('the file system could not be mounted');
    await sleep(20);
  }
}
