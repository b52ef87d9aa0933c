import { threadProgram } from '../agent-program.ts';
import { BasynError, runEnded } from '../errors.ts';
import { Channel } from '../link/channel.ts';
import { LaneOpener } from '../link/lane-opener.ts';
import { MemoryWire } from '../link/memory-wire.ts';
import type { Observation } from '../options/types.ts';
import type { RunReport, Traffic } from '../report.ts';
import { serveAgentEnd, type AgentHost } from '../session/agent-end.ts';
import { runLocalEnd } from '../session/local-end.ts';
import type { Order } from '../session/order.ts';
import { RunReporter } from '../session/run-reporter.ts';
import { WorkerPool } from '../workers/pool.ts';
import { abortable } from './abortable.ts';
import type { RunParts } from './over-ssh.ts';
import { traceOf } from './trace.ts';

/**
 * A run on one host that needs digests, because it has a state file: both ends of a session in this process. Without a state
 * file, the bytes of both devices are compared.
 */
export async function runInProcess(
  observation: Observation,
  order: Order,
  { select, recorder }: RunParts,
): Promise<RunReport> {
  const { onEvent = () => undefined, signal } = observation;
  const trace = traceOf(observation);
  const [local, agent] = [new Channel(trace), new Channel()];
  connect(local, agent);
  const traffic = (): Traffic =>
    order.localRole === 'source'
      ? { receivedBytes: 0, transmittedBytes: local.dataBytes }
      : { receivedBytes: local.dataBytes, transmittedBytes: 0 };
  const reporter = new RunReporter(order, onEvent, traffic, trace);
  const runners = [
    new WorkerPool(threadProgram(), 'local'),
    new WorkerPool(threadProgram(), 'remote'),
  ] as const;
  const plainOrder: Order = { ...order, laneCount: 1, compression: { name: 'none', level: null } };
  const stop = (): void => {
    local.fail(runEnded());
    agent.destroy();
  };
  return abortable(signal, stop, async () => {
    const ends = [
      runLocalEnd({
        order: plainOrder,
        hosts: 'one',
        channel: local,
        runner: runners[0],
        reporter,
        laneOpener: new LaneOpener(local, 0, neverOpened),
        select,
        recorder,
      }),
      serveAgentEnd(agent, runners[1], agentHost),
    ];
    try {
      await Promise.all(ends);
      return reporter.report();
    } catch (thrown) {
      local.destroy();
      agent.destroy();
      throw BasynError.from(thrown);
    } finally {
      reporter.stop();
      await Promise.all(runners.map((runner) => runner.close()));
      await Promise.allSettled(ends);
    }
  });
}

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
