import { sshHost } from '../host.ts';

/** How the remote machine is reached. What is left out is left to the user's own ssh configuration. */
export interface SshDestination {
  /** `host` or `user@host`. */
  readonly host: string;
  readonly port?: number;
  readonly user?: string;
  /** Each is passed to ssh with `-o`. */
  readonly options: readonly string[];
}

/**
 * Arguments for ssh, up to the host. `--` keeps ssh from reading a host that begins with a dash as an option.
 *
 * @param further arguments, before the host.
 */
export function sshArguments(
  { host, port, user, options }: SshDestination,
  further: readonly string[] = [],
): string[] {
  return [
    ...options.flatMap((option) => ['-o', option]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user === undefined ? [] : ['-l', user]),
    // No terminal on the remote side: its line discipline would change the bytes.
    '-T',
    ...further,
    '--',
    sshHost(host),
  ];
}
