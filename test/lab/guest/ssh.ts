import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { lvmSystemDirectory } from './lvm.ts';
import { sh } from './shell.ts';

export const sshdConfiguration = '/run/sshd_config';

/** Options that lead to an sshd in the guest. It has no port: ssh starts it as its proxy command. */
const options = [
  `ProxyCommand=/usr/sbin/sshd -i -f ${sshdConfiguration}`,
  'StrictHostKeyChecking=no',
  'UserKnownHostsFile=/dev/null',
  'LogLevel=ERROR',
  'IdentityFile=/run/user-key',
];

/** The options of Basyn that lead to the guest's sshd. */
export function sshOptions(): string[] {
  if (!existsSync(sshdConfiguration)) prepare();
  return ['--host=lab', '--user=root', ...options.map((option) => `--ssh-option=${option}`)];
}

/** Writes a configuration of ssh in which this host is the guest's sshd, and returns its path. */
export function sshConfiguration(host: string): string {
  if (!existsSync(sshdConfiguration)) prepare();
  const path = '/run/ssh_config';
  const settings = ['User root', ...options.map((option) => option.replace('=', ' '))];
  writeFileSync(path, `${[`Host ${host}`, ...settings].join('\n')}\n`);
  return path;
}

function prepare(): void {
  for (const name of ['user', 'host']) {
    sh('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', `/run/${name}-key`]);
  }
  copyFileSync('/run/user-key.pub', '/run/authorized-keys');
  const lines = [
    'HostKey /run/host-key',
    'AuthorizedKeysFile /run/authorized-keys',
    'StrictModes no',
    'UsePAM no',
    'PidFile none',
    'PermitRootLogin prohibit-password',
    `SetEnv "PATH=${process.env.PATH}" HOME=/run/home UV_USE_IO_URING=0 UV_THREADPOOL_SIZE=1 ${lvmEnvironment()}`,
  ];
  writeFileSync(sshdConfiguration, `${lines.join('\n')}\n`);
}

/** What the agent needs to run LVM. */
function lvmEnvironment(): string {
  const libraries = process.env.LD_LIBRARY_PATH ?? '';
  return `LD_LIBRARY_PATH=${libraries} LVM_SYSTEM_DIR=${lvmSystemDirectory} DM_DISABLE_UDEV=1`;
}
