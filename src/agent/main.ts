import { listenForLanes } from './lane-server.ts';
import { endPredecessors } from './predecessor.ts';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import { Channel } from '../link/channel.ts';
import { serveAgentEnd } from '../session/agent-end.ts';
import { standardStreams } from './standard-streams.ts';
import { WorkerPool } from '../workers/pool.ts';

/** Defined by the loader. */
declare const basynThreadProgram: string;

/**
 * Runs the agent on the remote host. It serves the conversation on stdin and stdout, and ends with it. If the local side
 * disconnects, it exits at once, because it could not report anything further.
 */
async function serveAgent(): Promise<void> {
  const channel = new Channel();
  const streams = standardStreams(channel.memory);
  channel.addLane(streams);
  const runner = new WorkerPool(basynThreadProgram, 'remote');
  let exitCode = 2;
  let patienceMs: number = bounds.killAfterMs;
  streams.readable.once('close', () => process.exit(exitCode));
  try {
    await serveAgentEnd(channel, runner, {
      hosts: 'two',
      listenForLanes: () => listenForLanes((streams) => channel.addLane(streams)),
      endPredecessors,
    });
    exitCode = 0;
  } catch (error) {
    // If the link still exists, the failure is being sent, possibly behind megabytes of data on a slow link.
    if (BasynError.from(error).code !== 'connection') patienceMs = bounds.lastMessageTimeoutMs;
  }
  setTimeout(() => process.exit(exitCode), patienceMs).unref();
  await channel.end();
  process.exit(exitCode);
}

void serveAgent();
