import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';
import { limits } from '../limits.ts';
import { FrameDecoder } from '../protocol/frame.ts';
import type { LaneStreams } from '../link/lane.ts';
import type { PayloadMemory } from '../link/payload-memory.ts';

/**
 * The streams on stdin and stdout. Input is read straight into the memory of its frame. Node's own streams take new memory
 * for every 64 KiB, and the copy from there took a third of the agent's time.
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
  // The types have `onread` for `connect` only. The constructor also takes it (documented since node 12.10).
  const readable = new Socket({ fd: 0, readable: true, writable: false, onread } as SocketConstructorOpts);
  const writable = new Socket({ fd: 1, readable: false, writable: true });
  return { readable, writable, decoder };
}
