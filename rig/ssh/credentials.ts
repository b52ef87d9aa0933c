import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The keys of one throw-away server and of the one client that it knows, as files. */
export interface Credentials {
  readonly hostKeyPath: string;
  readonly clientPublicKeyPath: string;
  /** Values for ssh's `-o` with which the client knows the server, and the server the client. */
  readonly sshOptions: readonly string[];
}

export function makeCredentials(directory: string): Credentials {
  const hostKeyPath = join(directory, 'host_key');
  const clientKeyPath = join(directory, 'client_key');
  for (const path of [hostKeyPath, clientKeyPath]) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'basyn-test', '-f', path]);
  }
  const knownHostsPath = join(directory, 'known_hosts');
  // For any port, because the port of a relay differs from that of the server.
  writeFileSync(knownHostsPath, `* ${readFileSync(`${hostKeyPath}.pub`, 'latin1')}`);
  return {
    hostKeyPath,
    clientPublicKeyPath: `${clientKeyPath}.pub`,
    sshOptions: [
      `IdentityFile=${clientKeyPath}`,
      'IdentitiesOnly=yes',
      'IdentityAgent=none',
      'PreferredAuthentications=publickey',
      'BatchMode=yes',
      `UserKnownHostsFile=${knownHostsPath}`,
      'GlobalKnownHostsFile=/dev/null',
      'StrictHostKeyChecking=yes',
      'UpdateHostKeys=no',
      'ConnectTimeout=10',
    ],
  };
}
