import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';
import { limits } from '../limits.ts';
import { FrameDecoder } from '../protocol/frame.ts';
import type { LaneStreams } from '../link/lane.ts';
import type { PayloadMemory } from '../link/payload-memory.ts';

/**
 * Our stdin and stdout. What comes is read straight into the memory of the frame that it belongs to: streams of node
 * take new memory for every 64 KiB, and a copy from there, which cost a third of all that the agent did.
 */
export function standardStreams(memory: PayloadMemory): LaneStreams {
  const decoder = new FrameDecoder(memory.forFrame);
  const scratch = Buffer.allocUnsafeSlow(limits.scratchReadBytes);
  const onread: OnReadOpts = {
    buffer: () => decoder.room ?? scratch,
    callback: (lengthBytes, memory) => {
      readable.emit('data', memory.subarray(0, lengthBytes));
      return true;
    },
  };
  // The types know `onread` for `connect` only; the constructor takes it too (documented, from node 12.10 on).
  const readable = new Socket({ fd: 0, readable: true, writable: false, onread } as SocketConstructorOpts);
  const writable = new Socket({ fd: 1, readable: false, writable: true });
  return { readable, writable, decoder };
}
