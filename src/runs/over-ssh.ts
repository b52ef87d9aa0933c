import { packedAgent, threadProgram } from '../agent-program.ts';
import { BasynError, runEnded, type Side } from '../errors.ts';
import { limits } from '../limits.ts';
import type { InspectOptions, RecheckOptions, SyncOptions } from '../options.ts';
import { Channel } from '../link/channel.ts';
import { LaneOpener } from '../link/lane-opener.ts';
import { inspectBoth, runLocalEnd, type LocalEnd } from '../session/local-end.ts';
import type { Order } from '../session/order.ts';
import type { DeviceReport, RunReport } from '../report.ts';
import { RunReporter } from '../session/run-reporter.ts';
import { NodeLoader } from '../transport/loader/node-loader.ts';
import { canAskUser } from '../transport/user-presence.ts';
import { SshConnection } from '../transport/ssh.ts';
import { WorkerPool } from '../workers/pool.ts';
import { abortable, throwIfEnded } from './abortable.ts';
import { traceOf } from './trace.ts';

/** A run whose other device is on another machine. */
export async function runOverSsh(options: SyncOptions | RecheckOptions, order: Order): Promise<RunReport> {
  return withSession(options, order, async (end) => {
    await runLocalEnd(end);
    return () => end.reporter.report();
  });
}

/** Opens both devices and says what they are. */
export async function inspectOverSsh(
  options: InspectOptions,
  order: Order,
): Promise<Record<Side, DeviceReport>> {
  return withSession(options, order, async (end) => {
    const devices = await inspectBoth(end);
    return () => devices;
  });
}

/** A session with a remote machine. Whatever `use` leads to, ssh and the threads have ended before it is told. */
async function withSession<T>(
  options: InspectOptions,
  order: Order,
  use: (end: LocalEnd) => Promise<() => T>,
): Promise<T> {
  const { host = '', port, user, sshOptions = [], remoteNode = 'node', onEvent = () => undefined } = options;
  const destination = {
    host,
    ...(port !== undefined && { port }),
    ...(user !== undefined && { user }),
    options: sshOptions,
  };
  throwIfEnded(options.signal);
  const trace = traceOf(options);
  const connection = new SshConnection({
    destination,
    loader: new NodeLoader(remoteNode, packedAgent()),
    bannerTimeoutMs: bannerTimeoutMsOf(order),
    furtherLanes: order.laneCount - 1,
    onStderrLine: (line) => onEvent({ type: 'remote-stderr', line }),
    trace,
  });
  const runner = new WorkerPool(threadProgram(), 'local');
  trace?.(`decision: up to ${runner.parallelism} threads`);
  // Everything else waits for ssh's handshake, so it gets a processor of its own.
  runner.leaveOne();
  const reporter = new RunReporter(order, onEvent, () => connection.traffic(), trace);
  const channel = new Channel(trace);
  const laneOpener = new LaneOpener(channel, order.laneCount - 1, (address, laneConnection) =>
    connection.openLane(address, laneConnection),
  );
  connection.ready.then(
    (streams) => {
      runner.useAll();
      channel.addLane(streams);
      channel.watch(order.peerTimeoutMs, () => runner.isBusy);
    },
    (error: unknown) => channel.fail(BasynError.from(error)),
  );
  const stop = (): void => {
    channel.fail(runEnded());
    void runner.close();
    // Here, too, as the end of the run waits for threads first, and one in a system call may keep it waiting. What goes
    // wrong is told there.
    connection.stop().catch(() => undefined);
  };
  return abortable(options.signal, stop, async () => {
    try {
      const result = await use({ order, channel, runner, reporter, laneOpener });
      laneOpener.stop();
      await connection.close();
      return result();
    } catch (thrown) {
      laneOpener.stop();
      const error = await connection.explain(BasynError.from(thrown));
      channel.destroy();
      await connection.stop();
      throw error;
    } finally {
      reporter.stop();
      await runner.close();
    }
  });
}

/** Before the host first answers, the user may have to type a password. Under cron there is no user. */
function bannerTimeoutMsOf({ peerTimeoutMs }: Order): number {
  return canAskUser() ? Math.max(limits.bannerTimeoutMs, peerTimeoutMs) : peerTimeoutMs;
}
