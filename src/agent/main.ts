import { Socket } from 'node:net';
import { listenForLanes } from './lane-server.ts';
import { limits } from '../limits.ts';
import { Channel } from '../protocol/channel.ts';
import { serveAgentEnd } from '../session/agent-end.ts';
import { WorkerPool } from '../workers/pool.ts';

/** Left by the loader. */
declare const basynThreadProgram: string;

/**
 * The remote side: serves the conversation on stdin and stdout, and ends with it. It ends at once when the
 * local side goes away, whatever it was doing, because nobody would hear of the rest.
 */
async function serveAgent(): Promise<void> {
  const readable = new Socket({ fd: 0, readable: true, writable: false });
  const writable = new Socket({ fd: 1, readable: false, writable: true });
  const channel = new Channel();
  channel.addLane({ readable, writable });
  const runner = new WorkerPool(basynThreadProgram);
  let exitCode = 0;
  const abandoned = (): void => process.exit(2);
  readable.once('close', abandoned);
  try {
    await serveAgentEnd(channel, runner, () => listenForLanes((streams) => channel.addLane(streams)));
  } catch {
    // The local side has been told, or is gone.
    exitCode = 2;
  }
  readable.off('close', abandoned);
  setTimeout(() => process.exit(exitCode), limits.killAfterMs).unref();
  await channel.end();
  process.exit(exitCode);
}

void serveAgent();
