import { Channel } from '../link/channel.ts';
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
void serveConversation({
  channel,
  streams,
  threadProgram: basynThreadProgram,
  host: {
    hosts: 'two',
    listenForLanes: () => listenForLanes((streams) => channel.addLane(streams)),
    endPredecessors,
  },
});
