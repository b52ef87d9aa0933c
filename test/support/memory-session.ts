import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Channel } from '../../src/link/channel.ts';
import { serveAgentEnd, type AgentHost } from '../../src/session/agent-end.ts';
import type { Continuity } from '../../src/session/continuity.ts';
import { LaneOpener } from '../../src/link/lane-opener.ts';
import { runLocalEnd } from '../../src/session/local-end.ts';
import type { Order } from '../../src/session/order.ts';
import type { RunEvent, RunReport } from '../../src/report.ts';
import type { PhaseSelector } from '../../src/session/selection.ts';
import { RunReporter } from '../../src/session/run-reporter.ts';
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
  readonly onEvent?: (event: RunEvent) => void;
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
export async function runInMemory(
  order: Order,
  {
    onEvent = () => undefined,
    makeWire = () => new MemoryWire(),
    furtherLanes = 0,
    makeRunner = () => new InlineRunner(perform),
    onLocalSuccess = () => undefined,
    continuity,
    recorder,
    reporter = makeReporter(onEvent, order),
    select,
  }: MemorySessionOptions = {},
): Promise<RunReport> {
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
  const ends = [
    runLocalEnd({
      order,
      channel: local,
      runner: localRunner,
      reporter,
      laneOpener,
      continuity,
      select,
      recorder,
    }).then(onLocalSuccess),
    serveAgentEnd(agent, agentRunner, lonelyAgent),
  ];
  try {
    await Promise.all(ends);
    return reporter.report();
  } catch (error) {
    // One end has failed. Its peer notices that as over ssh, by the end of the streams.
    agent.destroy();
    local.destroy();
    throw error;
  } finally {
    clearInterval(growing);
    reporter.stop();
    await Promise.allSettled(ends);
    await Promise.all([localRunner.close(), agentRunner.close()]);
  }
}

function unreachable(): never {
  throw new Error('a session in memory opens no lanes by itself');
}

/** Reports a run without a connection whose bytes could be counted. */
export function makeReporter(
  onEvent: (event: RunEvent) => void = () => undefined,
  { dryRun, sizes }: Pick<Order, 'dryRun' | 'sizes'> = plainOrder,
): RunReporter {
  return new RunReporter(
    { dryRun, sizes },
    onEvent,
    () => ({ receivedBytes: 0, transmittedBytes: 0 }),
    undefined,
  );
}
