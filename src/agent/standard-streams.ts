import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';
import { tuning } from '../limits.ts';
import { FrameDecoder } from '../protocol/frame.ts';
import type { LaneStreams } from '../link/lane.ts';
import type { PayloadMemory } from '../link/payload-memory.ts';

/**
 * The stdin and stdout of this process. Input is read directly into the memory of its frame. Streams of node would allocate
 * new memory for each 64 KiB and need a copy, which took a third of the time of the agent.
 */
export function standardStreams(memory: PayloadMemory): LaneStreams {
  const decoder = new FrameDecoder(memory.forFrame);
  const scratch = Buffer.allocUnsafeSlow(tuning.scratchReadBytes);
  const onread: OnReadOpts = {
    buffer: () => decoder.room ?? scratch,
    callback: (lengthBytes, memory) => {
      readable.emit('data', memory.subarray(0, lengthBytes));
      return true;
    },
  };
  // The types declare `onread` for `connect` only. The constructor accepts it, too (documented, from node 12.10 on).
  const readable = new Socket({ fd: 0, readable: true, writable: false, onread } as SocketConstructorOpts);
  const writable = new Socket({ fd: 1, readable: false, writable: true });
  return { readable, writable, decoder };
}
