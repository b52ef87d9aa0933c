import { sshHost } from '../host.ts';

/** How the remote machine is reached. What is left out is left to the person's own ssh configuration. */
export interface SshDestination {
  /** `host` or `user@host`. */
  readonly host: string;
  readonly port?: number;
  readonly user?: string;
  /** Each is handed to ssh as `-o`. */
  readonly options: readonly string[];
  /** A piece of remote shell that starts node. */
  readonly nodeCommand: string;
}

/**
 * Arguments for ssh, up to the host. `--` keeps a host that begins with a dash from being read as an option.
 *
 * @param further ones, before the host.
 */
export function sshArguments(
  { host, port, user, options }: Omit<SshDestination, 'nodeCommand'>,
  further: readonly string[] = [],
): string[] {
  return [
    ...options.flatMap((option) => ['-o', option]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user === undefined ? [] : ['-l', user]),
    // No terminal on the other side: its line discipline would change the bytes.
    '-T',
    ...further,
    '--',
    sshHost(host),
  ];
}
