import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { userInfo } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killTree, runMarker } from '../processes/processes.ts';
import { atExit, makeTemporaryDirectory } from '../temporary.ts';
import { makeCredentials, type Credentials } from './credentials.ts';
import { writeLoginScript, type LoginProfile } from './login-profile.ts';
import type { SshServer, SshServerOptions } from './server.ts';

const START_ATTEMPTS = 5;
const START_DEADLINE_MS = 10_000;
const LOG_CHARACTERS_MAX = 64 * 1024;
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const PRIVILEGE_SEPARATION_DIRECTORY = '/run/sshd';

/** The path of this machine's sshd, which must be started by its full path. */
export function findSshd(): string | undefined {
  const directories = ['/usr/sbin', '/usr/local/sbin', '/sbin', ...(process.env.PATH ?? '').split(delimiter)];
  return directories.map((directory) => join(directory, 'sshd')).find((path) => existsSync(path));
}

/** Starts a real OpenSSH server with separate keys and configuration, and its usual limits. */
export async function startSshd({ profile = {}, keyExchange }: SshServerOptions = {}): Promise<SshServer> {
  const sshdPath = findSshd();
  if (sshdPath === undefined) throw new Error('no sshd on this machine: install openssh-server');
  // All sshds of the machine share it, it is empty, and the next boot removes it. So it is not removed here.
  if (process.getuid?.() === 0) mkdirSync(PRIVILEGE_SEPARATION_DIRECTORY, { recursive: true, mode: 0o755 });

  const directory = makeTemporaryDirectory('sshd');
  const credentials = makeCredentials(directory.path);
  const configPath = join(directory.path, 'sshd_config');
  writeFileSync(configPath, configure(directory.path, credentials, profile));
  if (keyExchange === 'cheapest') appendFileSync(configPath, 'KexAlgorithms curve25519-sha256\n');
  const { child, port, log, kill } = await listenOnFreePort(sshdPath, configPath);
  return {
    kind: 'sshd',
    host: '127.0.0.1',
    port,
    user: userInfo().username,
    sshOptions: credentials.sshOptions,
    pid: child.pid!,
    log,
    restrictKey(options) {
      const key = readFileSync(credentials.clientPublicKeyPath, 'latin1');
      writeFileSync(join(directory.path, 'authorized_keys'), `${options} ${key}`);
    },
    async stop() {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      kill();
      await ended;
      directory.remove();
    },
  };
}

function configure(directory: string, credentials: Credentials, profile: LoginProfile): string {
  const authorizedKeysPath = join(directory, 'authorized_keys');
  if (profile.access === 'refused') writeFileSync(authorizedKeysPath, '');
  else copyFileSync(credentials.clientPublicKeyPath, authorizedKeysPath);
  if (profile.forwarding === 'refused')
    writeFileSync(authorizedKeysPath, `restrict ${readFileSync(authorizedKeysPath, 'latin1')}`);
  const home = join(directory, 'home');
  mkdirSync(home);
  const { noise, node, environment, shell, instead } = profile;
  const lines = [
    'ListenAddress 127.0.0.1',
    `HostKey ${credentials.hostKeyPath}`,
    `AuthorizedKeysFile ${authorizedKeysPath}`,
    'PidFile none',
    `UsePAM ${isAccountLocked() ? 'yes' : 'no'}`,
    'StrictModes no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'Subsystem sftp internal-sftp',
    // Node need not be on sshd's own PATH: setup-node and nvm put it elsewhere. The profile of the
    // user's shell must not be tested or measured: some profiles start sixty processes at each login.
    `SetEnv BASYN_TEST_RUN=${runMarker} "PATH=${dirname(process.execPath)}:${SYSTEM_PATH}" "HOME=${home}"`,
  ];
  // An ordinary login meets the user's real shell.
  if (instead !== undefined) lines.push(`ForceCommand ${instead}`);
  else if ([noise, node, environment, shell].some((part) => part !== undefined)) {
    lines.push(`ForceCommand ${writeLoginScript(directory, profile)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Without PAM, sshd refuses an account whose password is locked, as root's is on Ubuntu, also by key. */
function isAccountLocked(): boolean {
  try {
    const entry = readFileSync('/etc/shadow', 'latin1')
      .split('\n')
      .find((line) => line.startsWith(`${userInfo().username}:`));
    return entry?.split(':')[1]?.startsWith('!') ?? false;
  } catch {
    // A user who cannot read it runs an sshd that cannot read it either.
    return false;
  }
}

interface Sshd {
  readonly child: ChildProcess;
  readonly port: number;
  readonly log: () => string;
  readonly kill: () => void;
}

async function listenOnFreePort(sshdPath: string, configPath: string): Promise<Sshd> {
  for (let attempt = 1; ; attempt += 1) {
    // sshd cannot choose a port itself. Another process may take the chosen port before sshd starts.
    const sshd = start(sshdPath, configPath, await findFreePort());
    if (await listens(sshd)) return sshd;
    sshd.kill();
    if (attempt === START_ATTEMPTS || !sshd.log().includes('Address already in use')) {
      throw new Error(`sshd doesn't start:\n${sshd.log()}`);
    }
  }
}

function start(sshdPath: string, configPath: string, port: number): Sshd {
  const command = [sshdPath, '-D', '-e', '-f', configPath, '-p', `${port}`];
  // The kernel ends it with this process, even if this process is killed and runs no clean-up.
  const guard = ['setpriv', '--pdeathsig', 'TERM'];
  const isGuarded = spawnSync(guard[0]!, [...guard.slice(1), 'true']).status === 0;
  const [file, ...args] = isGuarded ? [...guard, ...command] : command;
  const child = spawn(file!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (text: Buffer) => (log = (log + text.toString()).slice(-LOG_CHARACTERS_MAX)));
  return { child, port, log: () => log, kill: atExit(() => killTree(child.pid!)) };
}

/** Waits until sshd listens, or has ended with a reason. */
async function listens({ child, log }: Sshd): Promise<boolean> {
  const ended = new AbortController();
  child.on('close', () => ended.abort());
  const deadlineMs = performance.now() + START_DEADLINE_MS;
  while (!log().includes('Server listening on')) {
    if (ended.signal.aborted || performance.now() > deadlineMs) return false;
    await sleep(5);
  }
  return true;
}

/** On the loopback. Another process may take it before it is used. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
