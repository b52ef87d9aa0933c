import { setTimeout as sleep } from 'node:timers/promises';
import { packedAgent, threadProgram } from '../agent-program.ts';
import { BasynError, runEnded } from '../errors.ts';
import { bounds } from '../limits.ts';
import { Channel } from '../link/channel.ts';
import { LoopTime } from '../loop-time.ts';
import { LaneOpener } from '../link/lane-opener.ts';
import type { Complete } from '../options/defaults.ts';
import type { Connection, Observation } from '../options/types.ts';
import type { Traffic } from '../report.ts';
import type { Continuity } from '../session/continuity.ts';
import type { LocalEnd } from '../session/local-end.ts';
import type { Order } from '../session/order.ts';
import { sideTimesOf } from '../session/side-times.ts';
import type { RunReporter } from '../session/run-reporter.ts';
import type { RunSnapshots } from '../session/run-snapshots.ts';
import type { Recorder } from '../state-file/recorder.ts';
import type { Trace } from '../trace.ts';
import { AnyHostLoader } from '../transport/loader/any-host-loader.ts';
import type { AgentLoader } from '../transport/loader/loader.ts';
import { NodeLoader } from '../transport/loader/node-loader.ts';
import type { RateLimit } from '../transport/rate-limit.ts';
import { SshConnection } from '../transport/ssh.ts';
import { canAskUser } from '../transport/user-presence.ts';
import { WorkerPool } from '../workers/pool.ts';

export interface AttemptOptions {
  readonly options: Complete<Connection & Observation>;
  readonly order: Order;
  readonly reporter: RunReporter;
  readonly trace: Trace | undefined;
  /** Of a local source. Undefined where it is read itself. */
  readonly snapshots: RunSnapshots | undefined;
  /** Undefined where a run has one attempt only. */
  readonly continuity: Continuity | undefined;
  /** Undefined in a run without a state file. */
  readonly recorder: Recorder | undefined;
  /** Of the link. All attempts share it: none may begin with a burst of its own. */
  readonly limit: RateLimit | undefined;
  /** Whether ssh may ask the user for a password. */
  readonly prompts: 'allowed' | 'never';
}

/**
 * One attempt at a run over ssh: it connects, starts the agent, lets the local end play its part, and ends what it has
 * started. It belongs to one connection; the run's reporter may outlive it.
 */
export class Attempt {
  readonly #order: Order;
  readonly #reporter: RunReporter;
  readonly #continuity: Continuity | undefined;
  readonly #snapshots: RunSnapshots | undefined;
  readonly #recorder: Recorder | undefined;
  readonly #connection: SshConnection;
  readonly #runner = new WorkerPool(threadProgram(), 'local');
  readonly #channel: Channel;
  readonly #laneOpener: LaneOpener;
  readonly #loopTime = new LoopTime();
  #isReleased: Promise<void> | undefined;

  /** Starts ssh. */
  constructor(attempt: AttemptOptions) {
    const { options, order, reporter, trace, snapshots, continuity, recorder, limit, prompts } = attempt;
    this.#order = order;
    this.#reporter = reporter;
    reporter.clock.attemptBegins();
    this.#continuity = continuity;
    this.#recorder = recorder;
    this.#snapshots = snapshots;
    const furtherLanes = order.laneCount - 1;
    this.#connection = new SshConnection({
      destination: destinationOf(options, prompts),
      loader: loaderOf(options, reporter),
      bannerTimeoutMs: bannerTimeoutMsOf(order, prompts),
      furtherLanes,
      onStderrLine: (line) => options.onEvent?.({ type: 'remote-stderr', line }),
      trace,
      limit,
    });
    this.#channel = new Channel(trace);
    if (order.linkBytesPerSecond !== undefined) this.#channel.learnLimit(order.linkBytesPerSecond);
    this.#laneOpener = new LaneOpener(this.#channel, furtherLanes, (address, connection) =>
      this.#connection.openLane(address, connection),
    );
    trace?.(`decision: up to ${this.#runner.parallelism} threads`);
    // Everything else waits for the handshake of ssh, so it gets a processor to itself.
    this.#runner.leaveOne();
    this.#connection.ready.then(
      (streams) => {
        this.#runner.useAll();
        this.#channel.addLane(streams);
        this.#channel.watch(order.peerTimeoutMs, () => this.#runner.isBusy);
      },
      (error: unknown) => this.#channel.fail(BasynError.from(error)),
    );
  }

  /** Bytes at the pipes to ssh so far. */
  traffic(): Traffic {
    return this.#connection.traffic();
  }

  /**
   * Resolves with what `use` returns. Before it settles, ssh and the threads have ended.
   *
   * @throws {BasynError} the first failure, with its cause as far as it is known here.
   */
  async run<T>(use: (end: LocalEnd) => Promise<T>): Promise<T> {
    try {
      const result = await use({
        order: this.#order,
        channel: this.#channel,
        runner: this.#runner,
        reporter: this.#reporter,
        laneOpener: this.#laneOpener,
        continuity: this.#continuity,
        snapshots: this.#snapshots,
        recorder: this.#recorder,
      });
      this.#laneOpener.stop();
      await this.#connection.close();
      return result;
    } catch (thrown) {
      this.#laneOpener.stop();
      const error = await this.#connection.explain(BasynError.from(thrown));
      await this.#releaseAgent(error);
      this.#channel.destroy();
      await this.#connection.stop();
      throw error;
    } finally {
      const { clock } = this.#reporter;
      const times = sideTimesOf(this.#runner, 'local', clock.stages, this.#loopTime.activeMs);
      clock.attemptEnds(this.#order.localRole, 'two', times);
      await this.#runner.close();
    }
  }

  /** Makes {@link run} fail soon. */
  abort(): void {
    this.#channel.fail(runEnded());
    void this.#runner.close();
    // The end of the run waits for the threads first, and one in a system call may keep it waiting: ssh has to be stopped
    // here as well. What goes wrong with that is reported there.
    void this.#releaseAgent(runEnded())
      .then(() => this.#connection.stop())
      .catch(() => undefined);
  }

  /**
   * Tells the agent that no other attempt follows. Otherwise it would keep its snapshot for one: for the agent, the end of
   * this process looks like the end of the link.
   */
  async #releaseAgent(error: BasynError): Promise<void> {
    const { snapshot, localRole } = this.#order;
    const isKept = this.#continuity !== undefined && snapshot !== undefined && localRole === 'target';
    if (!isKept || error.code === 'connection') return;
    this.#isReleased ??= Promise.race([this.#sayFailed(error), sleep(bounds.agentReleaseMs)]);
    await this.#isReleased;
  }

  async #sayFailed({ message }: BasynError): Promise<void> {
    this.#channel.send({
      type: 'failure',
      code: 'aborted',
      message: message.slice(0, bounds.maxErrorMessageCharacters),
    });
    await this.#channel.end();
    await this.#connection.ended();
  }
}

/** A command that the user gives is used as it is. */
function loaderOf(options: Complete<Connection & Observation>, reporter: RunReporter): AgentLoader {
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
      warn: (message) => reporter.warn([message]),
    },
  });
}

function destinationOf(
  { host = '', port, user, sshOptions = [] }: Complete<Connection & Observation>,
  prompts: AttemptOptions['prompts'],
) {
  return {
    host,
    ...(port !== undefined && { port }),
    ...(user !== undefined && { user }),
    // Of several values, ssh takes the first.
    options: prompts === 'never' ? ['BatchMode=yes', ...sshOptions] : sshOptions,
  };
}

/** Before the host's first answer, a user may have to type a password: not under cron, and not in seconds. */
function bannerTimeoutMsOf({ peerTimeoutMs }: Order, prompts: AttemptOptions['prompts']): number {
  return prompts === 'allowed' && canAskUser()
    ? Math.max(bounds.bannerTimeoutMs, peerTimeoutMs)
    : peerTimeoutMs;
}
