import type { LoginProfile } from './login-profile.ts';

export interface SshServerOptions {
  /** How a login looks to the client; by default as on an ordinary machine. */
  readonly profile?: LoginProfile;
  /**
   * How keys are exchanged: as the server prefers, or by the cheapest algorithm that every ssh knows. The preferred one
   * (post-quantum) takes a tenth of the processor time of a short run.
   */
  readonly keyExchange?: 'preferred' | 'cheapest';
}

/** A throw-away ssh server on a loopback port, for the user who runs the tests. */
export interface SshServer {
  readonly kind: 'sshd' | 'embedded' | 'dropbear';
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  /** Values for ssh's `-o`: only the client's key, and the server's host key pinned for any port. */
  readonly sshOptions: readonly string[];
  /** The server's process; the sessions run below it. */
  readonly pid: number;
  /** The server's log, for the message of a failing test. */
  log(): string;
  /** Puts options before the client's key, as in authorized_keys, for later logins. Only sshd can do that. */
  restrictKey?(options: string): void;
  /** Ends the server and all its sessions. */
  stop(): Promise<void>;
}

/** Arguments for `ssh` up to and including the host. The port may be that of a relay. */
export function sshArguments(server: SshServer, port = server.port): string[] {
  const options = server.sshOptions.flatMap((option) => ['-o', option]);
  return [...options, '-p', `${port}`, '-l', server.user, server.host];
}

/** The options of Basyn that lead to the server. The port may be that of a relay. */
export function hostOptions({ host, port, user, sshOptions }: SshServer, portInstead = port): string[] {
  return [
    `--host=${host}`,
    `--port=${portInstead}`,
    `--user=${user}`,
    ...sshOptions.map((option) => `--ssh-option=${option}`),
  ];
}
