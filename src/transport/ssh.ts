import { BasynError, runEnded } from '../errors.ts';
import type { LaneStreams } from '../link/lane.ts';
import type { LaneConnection } from '../link/lane-opener.ts';
import type { LaneAddress } from '../protocol/schemas.ts';
import type { Traffic } from '../report.ts';
import type { Trace } from '../trace.ts';
import { fasterCiphers } from './ciphers.ts';
import { ControlSocket } from './control-socket.ts';
import { LaneHandshake } from './loader/lane-handshake.ts';
import type { AgentLoader, Handshake } from './loader/loader.ts';
import { ProcessConnection } from './process.ts';
import { ProcessCleaner } from './process-cleaner.ts';
import type { RateLimit } from './rate-limit.ts';
import { sessionOptions } from './session-options.ts';
import { shellQuoted } from './shell-quote.ts';
import { sshArguments, type SshDestination } from './ssh-arguments.ts';
import { askSettings } from './ssh-settings.ts';

/** What the first ssh prints if the server refuses a shared lane (`AllowTcpForwarding no`, a key with `restrict`). */
const refusedLane = /^channel \d+: open failed: /;

export interface SshConnectionOptions {
  readonly destination: SshDestination;
  readonly loader: AgentLoader;
  /** From the start of ssh to the agent's banner. */
  readonly bannerTimeoutMs: number;
  /** The most lanes that may be opened later. */
  readonly furtherLanes: number;
  /** Receives what the remote side and ssh itself write to stderr, once the agent runs. */
  readonly onStderrLine: (line: string) => void;
  readonly trace: Trace | undefined;
  /** Of all lanes and both directions together. Undefined: they are not limited. */
  readonly limit: RateLimit | undefined;
}

/** Decisions for every ssh of a run, from the configuration of ssh. */
interface Approach {
  /** Before the user's own: of several values, ssh takes the first. */
  readonly sessionOptions: readonly string[];
  /** After the user's own. */
  readonly cipherOptions: readonly string[];
  readonly controlSocket: ControlSocket | undefined;
  /** Ends every ssh if this process is killed. */
  readonly cleaner: ProcessCleaner;
}

/** One ssh of a run. */
interface SshCall {
  readonly optionsOf: (approach: Approach) => readonly string[];
  /** Arguments before the host. */
  readonly further: readonly string[];
  /** For the remote shell. */
  readonly command: readonly string[];
  readonly handshake: Handshake;
  /** For messages: what fails if this ssh does. */
  readonly goal: string;
  readonly onStderrLine: (line: string) => void;
}

/** An agent on another machine, reached through the system's ssh. */
export class SshConnection {
  readonly ready: Promise<LaneStreams>;
  readonly #options: SshConnectionOptions;
  readonly #approach: Promise<Approach>;
  /** Every ssh of this run. */
  readonly #started: ProcessConnection[] = [];
  /** From then on no further one is started: nothing would end it. */
  #isOver = false;

  constructor(options: SshConnectionOptions) {
    const { destination, loader, onStderrLine } = options;
    this.#options = options;
    this.#approach = approachTo(options);
    const first = this.#connect({
      optionsOf: ({ controlSocket }) => controlSocket?.hostOptions ?? [],
      further: [],
      command: [loader.command],
      handshake: loader,
      goal: `start on ${destination.host}`,
      onStderrLine: (line) => {
        if (!refusedLane.test(line)) onStderrLine(line);
      },
    });
    this.ready = first.then(({ ready }) => ready);
    this.ready.catch(() => undefined);
  }

  /**
   * Opens a further lane. The remote sshd connects to the agent's port, as for a forwarded connection: this needs no
   * further process there.
   *
   * @throws {BasynError} `connection`, with the reason.
   */
  async openLane({ port, token }: LaneAddress, kind: LaneConnection): Promise<LaneStreams> {
    const { host } = this.#options.destination;
    const lane = await this.#connect({
      // No user is asked for a password in the middle of a run.
      optionsOf: ({ controlSocket }) => [
        'BatchMode=yes',
        ...(kind === 'shared' ? guestOptionsOf(controlSocket) : []),
      ],
      further: ['-W', `127.0.0.1:${port}`],
      command: [],
      handshake: new LaneHandshake(token),
      goal: `open a lane to ${host}`,
      // The run goes on without a lane that fails. The error has the reason.
      onStderrLine: () => undefined,
    });
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
    await this.#end((one) => one.close());
  }

  async stop(): Promise<void> {
    await this.#end((one) => one.stop());
  }

  /** Resolves when the first ssh has ended by itself, or where there is none. */
  async ended(): Promise<void> {
    await this.#started[0]?.ended();
  }

  /** Adds how the first ssh ended, and why, to an error of the connection. */
  async explain(error: BasynError): Promise<BasynError> {
    const [first] = this.#started;
    return first === undefined ? error : first.explain(error);
  }

  async #end(endOne: (one: ProcessConnection) => Promise<void>): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#started.map(endOne));
    await this.#approach.then(
      ({ controlSocket, cleaner }) => {
        controlSocket?.remove();
        return cleaner.close();
      },
      // `ready` has reported it.
      () => undefined,
    );
  }

  async #connect(call: SshCall): Promise<ProcessConnection> {
    const approach = await this.#approach;
    const { destination, bannerTimeoutMs, trace } = this.#options;
    const options = [
      ...call.optionsOf(approach),
      ...approach.sessionOptions,
      ...destination.options,
      ...approach.cipherOptions,
    ];
    if (this.#isOver) throw runEnded();
    const words = [...sshArguments({ ...destination, options }, call.further), ...call.command];
    trace?.(`running: ${shellQuoted(['ssh', ...words])}`);
    const connection = new ProcessConnection({
      file: 'ssh',
      arguments: words,
      handshake: call.handshake,
      bannerTimeoutMs,
      goal: call.goal,
      host: destination.host,
      onStderrLine: call.onStderrLine,
      cleaner: approach.cleaner,
      limit: this.#options.limit,
    });
    this.#started.push(connection);
    return connection;
  }
}

/** @throws {BasynError} `connection`, where the first ssh shares its connection with none. */
function guestOptionsOf(controlSocket: ControlSocket | undefined): readonly string[] {
  if (controlSocket !== undefined) return controlSocket.guestOptions;
  throw new BasynError('connection', 'The first connection of ssh is not shared.');
}

async function approachTo({ destination, furtherLanes, trace }: SshConnectionOptions): Promise<Approach> {
  const settings = await askSettings(destination, trace);
  const controlSocket =
    settings === undefined || furtherLanes === 0 ? undefined : await ControlSocket.make(settings);
  return {
    sessionOptions: settings === undefined ? [] : sessionOptions(settings),
    cipherOptions: settings === undefined ? [] : fasterCiphers(settings),
    controlSocket,
    cleaner: new ProcessCleaner(controlSocket?.directory),
  };
}
