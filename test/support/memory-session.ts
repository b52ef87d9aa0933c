import { PassThrough } from 'node:stream';
import { Channel } from '../../src/protocol/channel.ts';
import { serveAgentEnd } from '../../src/session/agent-end.ts';
import { LaneOpener } from '../../src/session/lane-opener.ts';
import { runLocalEnd } from '../../src/session/local-end.ts';
import type { Order } from '../../src/session/order.ts';
import type { RunEvent, RunReport } from '../../src/session/report.ts';
import { Reporter } from '../../src/session/reporter.ts';
import { InlineRunner } from '../../src/workers/pool.ts';

/** What a run that nobody asked anything special of looks like. */
export const plainOrder: Omit<Order, 'localPath' | 'remotePath'> = {
  localRole: 'source',
  phases: ['sync'],
  hash: 'SHA1',
  bufferBytes: 64 * 1024,
  chunkBytes: null,
  compression: { name: 'zlib', level: 6 },
  extent: 'source size',
  create: false,
  force: false,
  dryRun: false,
  peerTimeoutMs: 10_000,
  lanes: 1,
};

/** Both ends of a session in this process, with memory for a wire. */
export async function runInMemory(
  order: Order,
  onEvent: (event: RunEvent) => void = () => undefined,
): Promise<RunReport> {
  const there = new PassThrough();
  const back = new PassThrough();
  const local = new Channel();
  const agent = new Channel();
  local.addLane({ readable: back, writable: there });
  agent.addLane({ readable: there, writable: back });
  const reporter = new Reporter(onEvent, () => ({ receivedBytes: 0, transmittedBytes: 0 }));
  const lanes = new LaneOpener(local, 0, unreachable, () => undefined);
  const serving = serveAgentEnd(agent, new InlineRunner(), () => Promise.resolve(null));
  const running = runLocalEnd({ order, channel: local, runner: new InlineRunner(), reporter, lanes });
  await Promise.all([running, serving]);
  return reporter.report();
}

function unreachable(): never {
  throw new Error('a session in memory has one lane');
}
