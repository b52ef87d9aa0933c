import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Channel } from '../../src/link/channel.ts';
import { serveAgentEnd, type AgentHost } from '../../src/session/agent-end.ts';
import type { Continuity } from '../../src/session/continuity.ts';
import { LaneOpener } from '../../src/link/lane-opener.ts';
import { runLocalEnd, type LocalEnd } from '../../src/session/local-end.ts';
import type { Order } from '../../src/session/order.ts';
import type { RunReport } from '../../src/report.ts';
import type { PhaseSelector } from '../../src/session/selection.ts';
import { RunReporter, type Observer } from '../../src/session/run-reporter.ts';
import type { Recorder } from '../../src/state-file/recorder.ts';
import type { JobRunner } from '../../src/workers/jobs.ts';
import { InlineRunner } from '../../src/workers/inline.ts';
import { perform } from '../../src/workers/perform.ts';
import { MemoryWire } from '../../src/link/memory-wire.ts';
import { memoryDirectory, scratchDirectory } from './scratch.ts';

/** The order of a run without special options. */
export const plainOrder: Omit<Order, 'localPath' | 'remotePath'> = {
  localRole: 'source',
  phases: ['sync'],
  hash: 'SHA1',
  bufferBytes: 64 * 1024,
  chunkBytes: null,
  compression: { name: 'zlib', level: 6 },
  sizes: 'target at least source',
  create: false,
  grow: false,
  force: false,
  dryRun: false,
  readErrors: 'fail',
  sparse: 'auto',
  discard: false,
  peerTimeoutMs: 10_000,
  laneCount: 1,
};

/** An order over two sparse files. */
export function orderOver(sourceBytes: number, targetBytes: number): Order {
  const directory = scratchDirectory(memoryDirectory);
  const [localPath, remotePath] = [join(directory, 'a'), join(directory, 'b')];
  for (const [path, sizeBytes] of [
    [localPath, sourceBytes],
    [remotePath, targetBytes],
  ] as const) {
    writeFileSync(path, '');
    truncateSync(path, sizeBytes);
  }
  return { ...plainOrder, localPath, remotePath };
}

/** An agent that accepts no further lanes, in a run of one attempt. */
export const lonelyAgent: AgentHost = {
  hosts: 'two',
  listenForLanes: () => Promise.resolve(null),
  endPredecessors: () => Promise.resolve(),
};

export interface MemorySessionOptions {
  readonly onEvent?: Observer['onEvent'];
  readonly onExtent?: Observer['onExtent'];
  /** Makes one direction of a lane: a stream that returns what is written to it. */
  readonly makeWire?: () => Duplex;
  /** Lanes that are added on both ends as soon as data moves. */
  readonly furtherLanes?: number;
  readonly makeRunner?: () => JobRunner;
  /** Is called when the local end reports success, whatever the result of the agent. */
  readonly onLocalSuccess?: () => void;
  /** Of a run with several attempts, which share these. */
  readonly continuity?: Continuity;
  readonly reporter?: RunReporter;
  /** Of a run with a state file. */
  readonly recorder?: Recorder;
  /** What each phase examines. */
  readonly select?: PhaseSelector;
}

/** Both ends of a session in this process, connected in memory. */
export function runInMemory(order: Order, options: MemorySessionOptions = {}): Promise<RunReport> {
  const { onLocalSuccess = () => undefined } = options;
  return withAgentInMemory(order, options, async (end) => {
    await runLocalEnd(end);
    onLocalSuccess();
    return () => end.reporter.report();
  });
}

/** @param use plays the local end, and returns what makes the result when the agent has ended as well. */
export async function withAgentInMemory<T>(
  order: Order,
  {
    onEvent,
    onExtent,
    makeWire = () => new MemoryWire(),
    furtherLanes = 0,
    makeRunner = () => new InlineRunner(perform),
    continuity,
    recorder,
    reporter = makeReporter({ onEvent, onExtent }, order),
    select,
  }: MemorySessionOptions,
  use: (end: LocalEnd) => Promise<() => T>,
): Promise<T> {
  const [local, agent] = [new Channel(), new Channel()];
  const addLane = (): void => {
    const [there, back] = [makeWire(), makeWire()];
    agent.addLane({ readable: there, writable: back });
    local.addLane({ readable: back, writable: there });
  };
  addLane();
  const laneOpener = new LaneOpener(local, 0, unreachable);
  const [localRunner, agentRunner] = [makeRunner(), makeRunner()];
  const growing = setInterval(() => {
    if (local.dataBytes === 0) return;
    clearInterval(growing);
    for (let count = 0; count < furtherLanes; count++) addLane();
  }, 1);
  const using = use({
    order,
    channel: local,
    runner: localRunner,
    reporter,
    laneOpener,
    continuity,
    select,
    recorder,
  });
  const serving = serveAgentEnd(agent, agentRunner, lonelyAgent);
  try {
    const [result] = await Promise.all([using, serving]);
    return result();
  } catch (error) {
    // One end has failed. Its peer notices that as over ssh, by the end of the streams.
    agent.destroy();
    local.destroy();
    throw error;
  } finally {
    clearInterval(growing);
    reporter.stop();
    await Promise.allSettled([using, serving]);
    await Promise.all([localRunner.close(), agentRunner.close()]);
  }
}

function unreachable(): never {
  throw new Error('a session in memory opens no lanes by itself');
}

/** Reports a run without a connection whose bytes could be counted. */
export function makeReporter(
  observer: Observer = {},
  { dryRun, sizes }: Pick<Order, 'dryRun' | 'sizes'> = plainOrder,
): RunReporter {
  return new RunReporter(
    { dryRun, sizes },
    observer,
    () => ({ receivedBytes: 0, transmittedBytes: 0 }),
    undefined,
  );
}
