import type { SshServer } from '../../rig/ssh/server.ts';

/** A table of a file of jobs that leads to a server of the tests. The port may be that of a relay. */
export function hostTable(name: string, server: SshServer, port = server.port): string {
  const { host, user, sshOptions } = server;
  const options = JSON.stringify(sshOptions);
  return `[hosts.${name}]\nhost = "${host}"\nport = ${port}\nuser = "${user}"\nssh-option = ${options}\n`;
}
