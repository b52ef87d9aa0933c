import { Channel } from '../link/channel.ts';
import type { LaneAddress } from '../protocol/schemas.ts';
import { serveConversation } from './conversation.ts';
import { listenForLanes } from './lane-server.ts';
import { endPredecessors } from './predecessor.ts';
import { standardStreams } from './standard-streams.ts';

/** Defined by the loader. */
declare const basynThreadProgram: string;

// Runs the agent on the remote host.
const channel = new Channel();
const streams = standardStreams(channel.memory);
channel.addLane(streams);
/** The runs of a conversation share its lanes. */
let laneAddress: Promise<LaneAddress | null> | undefined;
void serveConversation({
  channel,
  streams,
  threadProgram: basynThreadProgram,
  host: {
    hosts: 'two',
    listenForLanes: () => (laneAddress ??= listenForLanes((streams) => channel.addLane(streams))),
    endPredecessors,
  },
});
