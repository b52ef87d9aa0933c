import { remoteCommand } from './bootstrap.ts';
import type { Connection } from './connection.ts';
import { ProcessConnection } from './process.ts';

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

/** Starts an agent on another machine, through the system's ssh. */
export function connectSsh(
  destination: SshDestination,
  program: string,
  onStderrLine: (line: string) => void,
): Connection {
  const { host, nodeCommand } = destination;
  const args = sshArguments(destination, remoteCommand(nodeCommand));
  return new ProcessConnection({
    file: 'ssh',
    arguments: args,
    place: host,
    nodeCommand,
    program,
    onStderrLine,
  });
}

/** `--` keeps a host that begins with a dash from being read as an option. */
export function sshArguments({ host, port, user, options }: SshDestination, command: string): string[] {
  return [
    ...options.flatMap((option) => ['-o', option]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user === undefined ? [] : ['-l', user]),
    // No terminal on the other side: its line discipline would change the bytes.
    '-T',
    '--',
    host,
    command,
  ];
}
