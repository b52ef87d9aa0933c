import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { killTree, runMarker } from '../../rig/processes/processes.ts';
import { makeCredentials } from '../../rig/ssh/credentials.ts';
import { writeLoginScript, type LoginProfile } from '../../rig/ssh/login-profile.ts';
import type { SshServer } from '../../rig/ssh/index.ts';
import { findFreePort } from '../../rig/ssh/sshd.ts';
import { atExit, makeTemporaryDirectory } from '../../rig/temporary.ts';
import { librariesIn, unpackedPackages } from './unpacked-packages.ts';

const startLimitMs = 60_000;

/** Dropbear, the ssh server of small systems, for all tests of the `describe` around it. It needs root. */
export function useDropbear(profile: LoginProfile): () => SshServer {
  let server: SshServer | undefined;
  beforeAll(async () => {
    server = await startDropbear(profile);
  }, startLimitMs);
  afterAll(() => server?.stop());
  return () => server!;
}

async function startDropbear(profile: LoginProfile): Promise<SshServer> {
  const directory = makeTemporaryDirectory('dropbear');
  const credentials = makeCredentials(directory.path);
  // In the home directory of root, which it finds in /etc/passwd.
  const home = join(directory.path, 'root');
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  copyFileSync(credentials.clientPublicKeyPath, join(home, '.ssh/authorized_keys'));
  const port = await findFreePort();
  // The home directory hides where they are.
  const unpacked = join(directory.path, 'packages');
  cpSync(unpackedPackages('dropbear-bin', 'libtomcrypt1', 'libtommath1'), unpacked, { recursive: true });
  const env = { ...process.env, LD_LIBRARY_PATH: librariesIn(unpacked), BASYN_TEST_RUN: runMarker };
  const key = join(directory.path, 'dropbear_key');
  const convert = ['openssh', 'dropbear', credentials.hostKeyPath, key];
  execFileSync(join(unpacked, 'usr/bin/dropbearconvert'), convert, { env, stdio: 'pipe' });

  const login = writeLoginScript(directory.path, profile);
  const flags = ['-F', '-E', '-e', '-s', '-r', key, '-p', `127.0.0.1:${port}`, '-c', login];
  const script = 'mount --bind "$1" /root && shift && exec "$@"';
  const words = ['--mount', 'sh', '-c', script, 'sh', home, join(unpacked, 'usr/sbin/dropbear'), ...flags];
  const child = spawn('unshare', words, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (text: Buffer) => (log += text.toString()));
  const kill = atExit(() => killTree(child.pid!));
  await started(child, () => log);
  return {
    kind: 'dropbear',
    host: '127.0.0.1',
    port,
    user: 'root',
    sshOptions: credentials.sshOptions,
    pid: child.pid!,
    log: () => log,
    async stop() {
      const ended = once(child, 'exit');
      kill();
      await ended;
      directory.remove();
    },
  };
}

async function started(child: ChildProcess, log: () => string): Promise<void> {
  while (!log().includes('Not backgrounding')) {
    if (child.exitCode !== null) throw new Error(`dropbear doesn't start:\n${log()}`);
    await sleep(5);
  }
}
