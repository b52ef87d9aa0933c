import { execFile } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { makeRoot } from './host-roots.ts';

const run = promisify(execFile);

/** Debian's smallest system, until the end of the test. */
export async function freshDebian(): Promise<{ path: string; run(command: string): Promise<string> }> {
  const { path, remove } = await makeRoot({ kind: 'debian' });
  onTestFinished(remove);
  // The one of the cached system may be old.
  writeFileSync(join(path, 'etc/resolv.conf'), '');
  copyFileSync('/etc/resolv.conf', join(path, 'etc/resolv.conf'));
  return { path, run: (command) => runIn(path, command) };
}

/** Runs a command of the shell in a root. */
export async function runIn(path: string, command: string): Promise<string> {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', DEBIAN_FRONTEND: 'noninteractive' };
  const { stdout } = await run('chroot', [path, 'sh', '-ec', command], { env, maxBuffer: 64 * 2 ** 20 });
  return stdout;
}
