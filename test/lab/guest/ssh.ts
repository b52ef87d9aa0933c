import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { sh } from './shell.ts';

const configuration = '/run/sshd_config';

/** The options of Basyn that lead to an sshd in the guest. It has no port: ssh starts it as its proxy command. */
export function sshOptions(): string[] {
  if (!existsSync(configuration)) prepare();
  const options = [
    `ProxyCommand=/usr/sbin/sshd -i -f ${configuration}`,
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    'IdentityFile=/run/user-key',
  ];
  return ['--host=lab', '--user=root', ...options.map((option) => `--ssh-option=${option}`)];
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
    `SetEnv "PATH=${process.env.PATH}" HOME=/run/home UV_USE_IO_URING=0 UV_THREADPOOL_SIZE=1`,
  ];
  writeFileSync(configuration, `${lines.join('\n')}\n`);
}
