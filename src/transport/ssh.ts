import type { BasynError } from '../errors.ts';
import type { LaneStreams } from '../protocol/lane.ts';
import type { LaneMeeting } from '../protocol/schemas.ts';
import { agentCommand, agentGreeting } from './bootstrap.ts';
import { fasterCiphers } from './ciphers.ts';
import type { Connection, Traffic } from './connection.ts';
import { ProcessConnection } from './process.ts';
import { sshArguments, type SshDestination } from './ssh-arguments.ts';

/** An agent on another machine, reached through the system's ssh. */
export class SshConnection implements Connection {
  readonly ready: Promise<LaneStreams>;
  readonly #destination: SshDestination;
  readonly #helloTimeoutMs: number;
  readonly #onStderrLine: (line: string) => void;
  readonly #cipherOptions: Promise<readonly string[]>;
  readonly #first: Promise<ProcessConnection>;
  /** Every ssh of this run, from when it was decided to start it. */
  readonly #starts: Promise<ProcessConnection>[] = [];
  readonly #started: ProcessConnection[] = [];

  /**
   * @param packedAgent the agent's program, compressed with brotli.
   * @param helloTimeoutMs from the start of ssh to the first word of node there.
   * @param onStderrLine is told what the remote side and ssh itself write to stderr, once the agent runs.
   */
  constructor(
    destination: SshDestination,
    packedAgent: Uint8Array,
    helloTimeoutMs: number,
    onStderrLine: (line: string) => void,
  ) {
    this.#destination = destination;
    this.#helloTimeoutMs = helloTimeoutMs;
    this.#onStderrLine = onStderrLine;
    this.#cipherOptions = fasterCiphers(destination);
    const command = agentCommand(destination.nodeCommand);
    this.#first = this.#connect([], [], agentGreeting(packedAgent), [command]);
    this.ready = this.#first.then(({ ready }) => ready);
    this.ready.catch(() => undefined);
  }

  /** ssh itself connects to the port there, as for a forwarded connection: no further process is needed. */
  async openLane({ port, token }: LaneMeeting): Promise<LaneStreams> {
    // Nobody is asked for a password in the middle of a run; with a key, nobody has to be.
    const forward = ['-W', `127.0.0.1:${port}`];
    const lane = await this.#connect(['BatchMode=yes'], forward, Buffer.from(token), []);
    return lane.ready;
  }

  traffic(): Traffic {
    const parts = this.#started.map((one) => one.traffic());
    return {
      receivedBytes: parts.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
      transmittedBytes: parts.reduce((sum, { transmittedBytes }) => sum + transmittedBytes, 0),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#starts.map(async (one) => (await one).close()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#starts.map(async (one) => (await one).stop()));
  }

  async explain(error: BasynError): Promise<BasynError> {
    return (await this.#first).explain(error);
  }

  #connect(
    options: readonly string[],
    further: readonly string[],
    greeting: Uint8Array,
    command: readonly string[],
  ): Promise<ProcessConnection> {
    const start = this.#cipherOptions.then((cipherOptions) => {
      const { host, nodeCommand } = this.#destination;
      const allOptions = [...options, ...this.#destination.options, ...cipherOptions];
      const connection = new ProcessConnection({
        file: 'ssh',
        arguments: [...sshArguments({ ...this.#destination, options: allOptions }, further), ...command],
        place: host,
        nodeCommand,
        greeting,
        helloTimeoutMs: this.#helloTimeoutMs,
        onStderrLine: this.#onStderrLine,
      });
      this.#started.push(connection);
      return connection;
    });
    this.#starts.push(start);
    return start;
  }
}
