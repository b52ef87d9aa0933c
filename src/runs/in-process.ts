import { threadProgram } from '../agent-program.ts';
import { BasynError, runEnded, type Side } from '../errors.ts';
import { Channel } from '../link/channel.ts';
import { LaneOpener } from '../link/lane-opener.ts';
import { MemoryWire } from '../link/memory-wire.ts';
import type { Observation } from '../options/types.ts';
import type { RecordReport, RunReport, Traffic } from '../report.ts';
import { serveAgentEnd, type AgentHost } from '../session/agent-end.ts';
import { runLocalEnd, type LocalEnd } from '../session/local-end.ts';
import type { Order } from '../session/order.ts';
import { runRecordEnd, type Recording } from '../session/record-source.ts';
import { SideMeter } from '../session/side-times.ts';
import { RunReporter } from '../session/run-reporter.ts';
import type { Recorder } from '../state-file/recorder.ts';
import { WorkerPool } from '../workers/pool.ts';
import { abortable } from './abortable.ts';
import type { RunParts } from './over-ssh.ts';
import type { RetryPolicy } from './retry-policy.ts';
import { snapshotsOf } from './snapshots.ts';
import { traceOf } from './trace.ts';

/**
 * A run on one host that needs digests, because it has a state file: both ends of a session in this process. Without a state
 * file, the bytes of both devices are compared.
 */
export function runInProcess(
  observation: Observation,
  order: Order,
  { select, recorder }: RunParts,
): Promise<RunReport> {
  return withBothEnds({ observation, order, recorder, agentSide: 'remote' }, async (end) => {
    await runLocalEnd({ ...end, select });
    return () => end.reporter.report();
  });
}

/** Makes a state file from a source on this host. */
export function recordInProcess(
  observation: Observation,
  order: Order,
  { recorder, sourceSide }: Recording,
): Promise<RecordReport> {
  return withBothEnds({ observation, order, recorder, agentSide: sourceSide }, async (end) => {
    const stateFile = await runRecordEnd({ ...end, recorder, sourceSide });
    return () => end.reporter.recordReport(stateFile);
  });
}

interface BothEnds {
  readonly observation: Observation;
  readonly order: Order;
  readonly recorder: Recorder | undefined;
  /** How messages name the side of the device that the agent's end opens. */
  readonly agentSide: Side;
}

/** @param use plays the local end, and returns what makes the result when the agent's end has ended as well. */
async function withBothEnds<T>(
  { observation, order, recorder, agentSide }: BothEnds,
  use: (end: LocalEnd) => Promise<() => T>,
): Promise<T> {
  const { signal } = observation;
  const trace = traceOf(observation);
  const [local, agent] = [new Channel(trace), new Channel()];
  connect(local, agent);
  const traffic = (): Traffic =>
    order.localRole === 'source'
      ? { receivedBytes: 0, transmittedBytes: local.dataBytes }
      : { receivedBytes: local.dataBytes, transmittedBytes: 0 };
  const reporter = new RunReporter(order, observation, traffic, trace);
  const runners = [
    new WorkerPool(threadProgram(), 'local'),
    new WorkerPool(threadProgram(), agentSide),
  ] as const;
  const snapshots = snapshotsOf(order, noRetries);
  const plainOrder: Order = { ...order, laneCount: 1, compression: { name: 'none', level: null } };
  const stop = (): void => {
    local.fail(runEnded());
    agent.destroy();
  };
  return abortable(signal, stop, async () => {
    const meter = new SideMeter(runners[0], 'local', reporter.clock.stages);
    const using = use({
      order: plainOrder,
      hosts: 'one',
      channel: local,
      runner: runners[0],
      reporter,
      laneOpener: new LaneOpener(local, 0, neverOpened),
      recorder,
      snapshots,
    });
    const serving = serveAgentEnd(agent, runners[1], { ...agentHost, side: agentSide });
    try {
      const [result] = await Promise.all([using, serving]);
      reporter.clock.attemptEnds(order.localRole, 'one', meter.times);
      return result();
    } catch (thrown) {
      local.destroy();
      agent.destroy();
      throw BasynError.from(thrown);
    } finally {
      reporter.stop();
      await Promise.all(runners.map((runner) => runner.close()));
      await Promise.allSettled([using, serving]);
      await snapshots?.abandon();
    }
  });
}

const noRetries: RetryPolicy = { retries: 0, retryWaitMs: 0 };

/** Two streams in memory, one in each direction. */
function connect(local: Channel, agent: Channel): void {
  const [there, back] = [new MemoryWire(), new MemoryWire()];
  agent.addLane({ readable: there, writable: back });
  local.addLane({ readable: back, writable: there });
}

const agentHost: AgentHost = {
  hosts: 'one',
  listenForLanes: () => Promise.resolve(null),
  endPredecessors: () => Promise.resolve(),
};

function neverOpened(): never {
  throw new Error('a session in one process has one lane');
}
