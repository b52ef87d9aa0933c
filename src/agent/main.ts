import { listenForLanes } from './lane-server.ts';
import { BasynError } from '../errors.ts';
import { limits } from '../limits.ts';
import { Channel } from '../link/channel.ts';
import { serveAgentEnd } from '../session/agent-end.ts';
import { standardStreams } from './standard-streams.ts';
import { WorkerPool } from '../workers/pool.ts';

/** Set by the loader program. */
declare const basynThreadProgram: string;

/**
 * The remote side: serves the conversation on stdin and stdout, and ends with it. It ends at once when the local side
 * disconnects, whatever it was doing, because nothing would receive the result.
 */
async function serveAgent(): Promise<void> {
  const channel = new Channel();
  const streams = standardStreams(channel.memory);
  channel.addLane(streams);
  const runner = new WorkerPool(basynThreadProgram, 'remote');
  let exitCode = 2;
  let patienceMs: number = limits.killAfterMs;
  streams.readable.once('close', () => process.exit(exitCode));
  try {
    await serveAgentEnd(channel, runner, () => listenForLanes((streams) => channel.addLane(streams)));
    exitCode = 0;
  } catch (error) {
    // The reason is on its way to the local side, maybe behind megabytes of data on a slow link.
    if (BasynError.from(error).code !== 'connection') patienceMs = limits.lastWordsTimeoutMs;
  }
  setTimeout(() => process.exit(exitCode), patienceMs).unref();
  await channel.end();
  process.exit(exitCode);
}

// Node's default for this signal is to open its debugger on a port of the machine.
process.on('SIGUSR1', () => undefined);
void serveAgent();
