import type { BasynError } from '../errors.ts';
import type { LaneStreams } from '../protocol/lane.ts';
import type { LaneMeeting } from '../protocol/schemas.ts';
import { agentCommand, agentGreeting } from './bootstrap.ts';
import type { Connection, Traffic } from './connection.ts';
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

/** An agent on another machine, reached through the system's ssh. */
export class SshConnection implements Connection {
  readonly ready: Promise<LaneStreams>;
  readonly #destination: SshDestination;
  readonly #onStderrLine: (line: string) => void;
  readonly #first: ProcessConnection;
  readonly #lanes: ProcessConnection[] = [];

  /**
   * @param packedAgent the agent's program, compressed with brotli.
   * @param onStderrLine is told what the remote side and ssh itself write to stderr, once the agent runs.
   */
  constructor(destination: SshDestination, packedAgent: Uint8Array, onStderrLine: (line: string) => void) {
    this.#destination = destination;
    this.#onStderrLine = onStderrLine;
    const command = agentCommand(destination.nodeCommand);
    this.#first = this.#connect([...sshArguments(destination), command], agentGreeting(packedAgent));
    this.ready = this.#first.ready;
  }

  /** ssh itself connects to the port there, as for a forwarded connection: no further process is needed. */
  openLane({ port, token }: LaneMeeting): Promise<LaneStreams> {
    // Nobody is asked for a password in the middle of a run; with a key or a shared connection, nobody has to be.
    const options = ['BatchMode=yes', ...this.#destination.options];
    const lane = this.#connect(
      sshArguments({ ...this.#destination, options }, ['-W', `127.0.0.1:${port}`]),
      Buffer.from(token),
    );
    this.#lanes.push(lane);
    return lane.ready;
  }

  traffic(): Traffic {
    const parts = this.#all().map((one) => one.traffic());
    return {
      receivedBytes: parts.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
      transmittedBytes: parts.reduce((sum, { transmittedBytes }) => sum + transmittedBytes, 0),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#all().map((one) => one.close()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all().map((one) => one.stop()));
  }

  explain(error: BasynError): Promise<BasynError> {
    return this.#first.explain(error);
  }

  #all(): ProcessConnection[] {
    return [this.#first, ...this.#lanes];
  }

  #connect(args: readonly string[], greeting: Uint8Array): ProcessConnection {
    const { host, nodeCommand } = this.#destination;
    const onStderrLine = this.#onStderrLine;
    return new ProcessConnection({
      file: 'ssh',
      arguments: args,
      place: host,
      nodeCommand,
      greeting,
      onStderrLine,
    });
  }
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
    host,
  ];
}
