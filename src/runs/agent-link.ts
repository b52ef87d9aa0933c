import { packedAgent, threadProgram } from '../agent-program.ts';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import { Channel } from '../link/channel.ts';
import { LaneOpener } from '../link/lane-opener.ts';
import type { Complete } from '../options/defaults.ts';
import type { Connection, Observation } from '../options/types.ts';
import type { RunEvent, Traffic } from '../report.ts';
import type { Order } from '../session/order.ts';
import type { Trace } from '../trace.ts';
import { AnyHostLoader } from '../transport/loader/any-host-loader.ts';
import type { AgentLoader } from '../transport/loader/loader.ts';
import { NodeLoader } from '../transport/loader/node-loader.ts';
import { RateLimit } from '../transport/rate-limit.ts';
import { SshConnection } from '../transport/ssh.ts';
import { canAskUser } from '../transport/user-presence.ts';
import { WorkerPool } from '../workers/pool.ts';

/** What a run needs of its link. */
export interface LinkNeeds {
  readonly options: Complete<Connection & Observation>;
  readonly order: Pick<Order, 'laneCount' | 'peerTimeoutMs' | 'linkBytesPerSecond'>;
  readonly trace: Trace | undefined;
  readonly warn: (warnings: readonly string[]) => void;
  /** Whether ssh may ask the user for a password. */
  readonly prompts: 'allowed' | 'never';
  /** Of the link of an earlier attempt: none may begin with a burst of its own. Left out: a new one, if the order has one. */
  readonly limit?: RateLimit | undefined;
}

/** A link to an agent, and the threads on this side: a connection through ssh, and the conversation over it. */
export class AgentLink {
  readonly channel: Channel;
  readonly runner = new WorkerPool(threadProgram(), 'local');
  readonly laneOpener: LaneOpener;
  readonly limit: RateLimit | undefined;
  readonly #connection: SshConnection;
  /** Of the run that uses the link. */
  #onEvent: ((event: RunEvent) => void) | undefined;
  #isIdle = false;

  /** Starts ssh. */
  constructor(needs: LinkNeeds) {
    const { options, order, trace } = needs;
    const furtherLanes = order.laneCount - 1;
    this.#onEvent = options.onEvent;
    this.limit = needs.limit ?? limitOf(order);
    this.#connection = new SshConnection({
      destination: destinationOf(needs),
      loader: loaderOf(needs),
      bannerTimeoutMs: bannerTimeoutMsOf(needs),
      furtherLanes,
      onStderrLine: (line) => this.#onEvent?.({ type: 'remote-stderr', line }),
      trace,
      limit: this.limit,
    });
    this.channel = new Channel(trace);
    if (order.linkBytesPerSecond !== undefined) this.channel.learnLimit(order.linkBytesPerSecond);
    this.laneOpener = new LaneOpener(this.channel, furtherLanes, (address, connection) =>
      this.#connection.openLane(address, connection),
    );
    trace?.(`decision: up to ${this.runner.parallelism} threads`);
    // Everything else waits for the handshake of ssh, so it gets a processor to itself.
    this.runner.leaveOne();
    this.#connection.ready.then(
      (streams) => {
        this.runner.useAll();
        this.channel.addLane(streams);
        // An agent that waits for the next run must not take this side for one that is stalled.
        this.channel.watch(order.peerTimeoutMs, () => this.#isIdle || this.runner.isBusy);
      },
      (error: unknown) => this.channel.fail(BasynError.from(error)),
    );
  }

  /** Bytes at the pipes to ssh so far. */
  traffic(): Traffic {
    return this.#connection.traffic();
  }

  /** No run uses the link until {@link reuse}. */
  rest(): void {
    this.#onEvent = undefined;
    this.#isIdle = true;
  }

  /**
   * Gives the link to another run.
   *
   * @returns whether the agent still answers. Otherwise, the link has to be stopped.
   */
  async reuse({ onEvent }: Observation): Promise<boolean> {
    this.#isIdle = false;
    this.#onEvent = onEvent;
    return this.channel.answersWithin(bounds.idleAgentAnswerMs);
  }

  /** Adds how ssh ended, and why, to an error of the connection. */
  explain(error: BasynError): Promise<BasynError> {
    return this.#connection.explain(error);
  }

  /** Resolves when the agent has ended by itself. */
  ended(): Promise<void> {
    return this.#connection.ended();
  }

  /** Ends the agent after a run that has succeeded. */
  async close(): Promise<void> {
    this.laneOpener.stop();
    await this.#connection.close();
    await this.runner.close();
  }

  /** Ends everything at once. */
  async stop(): Promise<void> {
    this.laneOpener.stop();
    this.channel.destroy();
    await this.stopSsh();
    await this.runner.close();
  }

  /** Ends ssh at once, and leaves the rest to {@link stop}. */
  async stopSsh(): Promise<void> {
    await this.#connection.stop();
  }
}

function limitOf({ linkBytesPerSecond }: LinkNeeds['order']): RateLimit | undefined {
  return linkBytesPerSecond === undefined ? undefined : new RateLimit(linkBytesPerSecond);
}

/** A command that the user gives is used as it is. */
function loaderOf({ options, warn }: LinkNeeds): AgentLoader {
  const { remoteNode, remoteRuntime, remoteKeep, remoteSudo, host = '', onEvent } = options;
  if (remoteNode !== undefined) return new NodeLoader(remoteNode, packedAgent());
  return new AnyHostLoader({
    packedAgent: packedAgent(),
    host,
    source: remoteRuntime === undefined ? { kind: 'this process' } : { kind: 'file', path: remoteRuntime },
    afterRun: remoteKeep ? 'kept' : 'removed',
    privilege: remoteSudo ? 'sudo' : 'user',
    observer: {
      start: ({ label, sizeBytes }, place) =>
        onEvent?.({ type: 'runtime-start', name: label, sizeBytes, ...place }),
      progress: (progress) => onEvent?.({ type: 'runtime-progress', ...progress }),
      end: ({ label }, { sizeBytes, sentBytes, elapsedMs }) =>
        onEvent?.({ type: 'runtime-end', name: label, sizeBytes, sentBytes, elapsedMs }),
      warn: (message) => warn([message]),
    },
  });
}

function destinationOf({ options, prompts }: LinkNeeds) {
  const { host = '', port, user, sshOptions = [] } = options;
  return {
    host,
    ...(port !== undefined && { port }),
    ...(user !== undefined && { user }),
    // Of several values, ssh takes the first.
    options: prompts === 'never' ? ['BatchMode=yes', ...sshOptions] : sshOptions,
  };
}

/** Before the host's first answer, a user may have to type a password: not under cron, and not in seconds. */
function bannerTimeoutMsOf({ order: { peerTimeoutMs }, prompts }: LinkNeeds): number {
  return prompts === 'allowed' && canAskUser()
    ? Math.max(bounds.bannerTimeoutMs, peerTimeoutMs)
    : peerTimeoutMs;
}
