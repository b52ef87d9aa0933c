import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { bounds } from '../limits.ts';
import { bannerLine, laneConfirmation } from '../protocol/banner.ts';
import type { LaneStreams } from '../link/lane.ts';
import type { LaneAddress } from '../protocol/schemas.ts';

const tokenBytes = 32;

/**
 * Accepts further lanes. Each lane is an ssh connection of its own, and its sshd connects to this server over the loopback
 * interface. Any process on this host can connect. The token, which was sent over ssh only, proves that it is a lane.
 */
export function listenForLanes(onLane: (streams: LaneStreams) => void): Promise<LaneAddress | null> {
  const token = randomBytes(tokenBytes).toString('hex');
  const server = createServer({ noDelay: true }, (socket) => admit(socket, token, onLane));
  server.maxConnections = bounds.maxLanes + bounds.maxSharedLanes;
  server.unref();
  return new Promise((resolve) => {
    // Without a loopback interface, the run uses one lane.
    server.once('error', () => resolve(null));
    server.listen(0, '127.0.0.1', () => resolve({ port: (server.address() as AddressInfo).port, token }));
  });
}

/**
 * Checks the token, and opens the lane when the local side confirms it. Without the confirmation, a local side that has
 * given up the lane meanwhile would appear to have ended the conversation.
 */
function admit(socket: Socket, token: string, onLane: (streams: LaneStreams) => void): void {
  socket.on('error', () => socket.destroy());
  socket.setTimeout(bounds.laneTokenTimeoutMs, () => socket.destroy());
  takeFirst(socket, token.length, (received) => {
    if (!timingSafeEqual(received, Buffer.from(token))) {
      socket.destroy();
      return;
    }
    socket.write(bannerLine(process.versions.node));
    takeFirst(socket, laneConfirmation.length, () => {
      socket.setTimeout(0);
      onLane({ readable: socket, writable: socket });
    });
  });
}

/** Reads this number of bytes from the start of a stream, and pauses the stream after them. */
function takeFirst(socket: Socket, lengthBytes: number, onTaken: (bytes: Buffer) => void): void {
  let seen = Buffer.alloc(0);
  const take = (bytes: Buffer): void => {
    seen = Buffer.concat([seen, bytes]);
    if (seen.byteLength < lengthBytes) return;
    socket.off('data', take).pause();
    if (seen.byteLength > lengthBytes) socket.unshift(seen.subarray(lengthBytes));
    onTaken(seen.subarray(0, lengthBytes));
  };
  socket.on('data', take).resume();
}
