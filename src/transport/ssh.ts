import { BasynError, runEnded } from '../errors.ts';
import type { Traffic } from '../report.ts';
import { laneConfirmation } from '../protocol/banner.ts';
import type { LaneStreams } from '../link/lane.ts';
import type { LaneConnection } from '../link/lane-opener.ts';
import type { LaneAddress } from '../protocol/schemas.ts';
import { agentCommand, agentGreeting } from './loader/bootstrap.ts';
import { fasterCiphers } from './ciphers.ts';
import { ControlSocket } from './control-socket.ts';
import { ProcessGuard } from './process-guard.ts';
import { ProcessConnection } from './process.ts';
import { sessionOptions } from './session-options.ts';
import { sshArguments, type SshDestination } from './ssh-arguments.ts';
import { askSettings } from './ssh-settings.ts';

/** What the first ssh prints if the server lets no shared lane in (`AllowTcpForwarding no`, a key with `restrict`). */
const refusedLane = /^channel \d+: open failed: /;

/** What was decided about all ssh of a run, from how ssh is configured. */
interface Approach {
  /** Before the person's own: of several values, ssh takes the first. */
  readonly sessionOptions: readonly string[];
  /** After the person's own. */
  readonly cipherOptions: readonly string[];
  readonly controlSocket: ControlSocket | undefined;
  /** Ends them if we are killed. */
  readonly guard: ProcessGuard;
}

/** An agent on another machine, reached through the system's ssh. */
export class SshConnection {
  readonly ready: Promise<LaneStreams>;
  readonly #destination: SshDestination;
  readonly #helloTimeoutMs: number;
  readonly #approach: Promise<Approach>;
  /** Every ssh of this run. */
  readonly #started: ProcessConnection[] = [];
  /** From then on no further one is started: nobody would end it. */
  #isOver = false;

  /**
   * @param packedAgent the agent's program, compressed with brotli.
   * @param helloTimeoutMs from the start of ssh to the first word of node there.
   * @param furtherLanes that may be opened later.
   * @param onStderrLine is told what the remote side and ssh itself write to stderr, once the agent runs.
   */
  constructor(
    destination: SshDestination,
    packedAgent: Uint8Array,
    helloTimeoutMs: number,
    furtherLanes: number,
    onStderrLine: (line: string) => void,
  ) {
    this.#destination = destination;
    this.#helloTimeoutMs = helloTimeoutMs;
    this.#approach = approachTo(destination, furtherLanes);
    const command = agentCommand(destination.nodeCommand);
    const first = this.#connect(
      ({ controlSocket }) => controlSocket?.hostOptions ?? [],
      [],
      agentGreeting(packedAgent),
      [command],
      (line) => {
        if (!refusedLane.test(line)) onStderrLine(line);
      },
    );
    this.ready = first.then(({ ready }) => ready);
    this.ready.catch(() => undefined);
  }

  /** ssh itself connects to the port there, as for a forwarded connection: no further process is needed. */
  async openLane({ port, token }: LaneAddress, kind: LaneConnection): Promise<LaneStreams> {
    const lane = await this.#connect(
      // Nobody is asked for a password in the middle of a run.
      ({ controlSocket }) => ['BatchMode=yes', ...(kind === 'shared' ? guestOptionsOf(controlSocket) : [])],
      ['-W', `127.0.0.1:${port}`],
      Buffer.from(token),
      [],
      // The run does without a lane that fails. The reason is in the error.
      () => undefined,
    );
    const streams = await lane.ready;
    streams.writable.write(laneConfirmation);
    return streams;
  }

  traffic(): Traffic {
    const parts = this.#started.map((one) => one.traffic());
    return {
      receivedBytes: parts.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
      transmittedBytes: parts.reduce((sum, { transmittedBytes }) => sum + transmittedBytes, 0),
    };
  }

  async close(): Promise<void> {
    await this.#end((one) => one.close());
  }

  async stop(): Promise<void> {
    await this.#end((one) => one.stop());
  }

  async explain(error: BasynError): Promise<BasynError> {
    const [first] = this.#started;
    return first === undefined ? error : first.explain(error);
  }

  async #end(endOne: (one: ProcessConnection) => Promise<void>): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#started.map(endOne));
    await this.#approach.then(
      ({ controlSocket, guard }) => {
        controlSocket?.remove();
        return guard.close();
      },
      // `ready` has told it.
      () => undefined,
    );
  }

  async #connect(
    optionsOf: (approach: Approach) => readonly string[],
    further: readonly string[],
    greeting: Uint8Array,
    command: readonly string[],
    onStderrLine: (line: string) => void,
  ): Promise<ProcessConnection> {
    const approach = await this.#approach;
    const { host, nodeCommand } = this.#destination;
    const allOptions = [
      ...optionsOf(approach),
      ...approach.sessionOptions,
      ...this.#destination.options,
      ...approach.cipherOptions,
    ];
    if (this.#isOver) throw runEnded();
    const connection = new ProcessConnection({
      file: 'ssh',
      arguments: [...sshArguments({ ...this.#destination, options: allOptions }, further), ...command],
      place: host,
      nodeCommand,
      greeting,
      helloTimeoutMs: this.#helloTimeoutMs,
      onStderrLine,
      guard: approach.guard,
    });
    this.#started.push(connection);
    return connection;
  }
}

/** @throws {BasynError} `connection`, where the first ssh lets nobody in. */
function guestOptionsOf(controlSocket: ControlSocket | undefined): readonly string[] {
  if (controlSocket !== undefined) return controlSocket.guestOptions;
  throw new BasynError('connection', 'The first connection of ssh is not shared.');
}

async function approachTo(destination: SshDestination, furtherLanes: number): Promise<Approach> {
  const settings = await askSettings(destination);
  const controlSocket =
    settings === undefined || furtherLanes === 0 ? undefined : await ControlSocket.make(settings);
  return {
    sessionOptions: settings === undefined ? [] : sessionOptions(settings),
    cipherOptions: settings === undefined ? [] : fasterCiphers(settings),
    controlSocket,
    guard: new ProcessGuard(controlSocket?.directory),
  };
}
