import type { BasynError } from '../errors.ts';
import type { LaneStreams } from '../protocol/lane.ts';
import type { LaneMeeting } from '../protocol/schemas.ts';
import { agentCommand, agentGreeting, laneCommand, laneGreeting } from './bootstrap.ts';
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
    this.#first = this.#connect(
      destination,
      agentCommand(destination.nodeCommand),
      agentGreeting(packedAgent),
    );
    this.ready = this.#first.ready;
  }

  openLane(meeting: LaneMeeting): Promise<LaneStreams> {
    const { options, nodeCommand } = this.#destination;
    // Nobody is asked for a password in the middle of a run; with a key or a shared connection, nobody has to be.
    const destination = { ...this.#destination, options: ['BatchMode=yes', ...options] };
    const lane = this.#connect(destination, laneCommand(nodeCommand), laneGreeting(meeting));
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

  explain(error: BasynError): BasynError {
    return this.#first.explain(error);
  }

  #all(): ProcessConnection[] {
    return [this.#first, ...this.#lanes];
  }

  #connect(destination: SshDestination, command: string, greeting: Uint8Array): ProcessConnection {
    return new ProcessConnection({
      file: 'ssh',
      arguments: sshArguments(destination, command),
      place: destination.host,
      nodeCommand: destination.nodeCommand,
      greeting,
      onStderrLine: this.#onStderrLine,
    });
  }
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
