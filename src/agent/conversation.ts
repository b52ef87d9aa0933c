import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import type { LaneStreams } from '../link/lane.ts';
import { serveAgentEnd, type AgentHost } from '../session/agent-end.ts';
import { WorkerPool } from '../workers/pool.ts';

/** What a conversation needs of its process. */
export interface ConversationParts {
  readonly channel: Channel;
  /** Of the first lane. */
  readonly streams: LaneStreams;
  readonly threadProgram: string;
  readonly host: AgentHost;
}

/**
 * Serves the runs of one conversation on stdin and stdout, and ends the process with it. If the local side disconnects, the process exits
 * at once, because it could not report anything further.
 */
export async function serveConversation({
  channel,
  streams,
  threadProgram,
  host,
}: ConversationParts): Promise<never> {
  const runner = new WorkerPool(threadProgram, 'remote');
  let exitCode = 2;
  let patienceMs: number = bounds.killAfterMs;
  streams.readable.once('close', () => process.exit(exitCode));
  try {
    while ((await serveAgentEnd(channel, runner, host)) === 'again') exitCode = 0;
    exitCode = 0;
  } catch (thrown) {
    const { code } = BasynError.from(thrown);
    // Without a further run, the link has ended in place of it.
    if (code !== 'connection') exitCode = 2;
    // If the link still exists, the failure is being sent, possibly behind megabytes of data on a slow link.
    if (code !== 'connection') patienceMs = bounds.lastMessageTimeoutMs;
  }
  setTimeout(() => process.exit(exitCode), patienceMs).unref();
  await channel.end();
  process.exit(exitCode);
}
