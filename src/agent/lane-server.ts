import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { limits } from '../limits.ts';
import { bannerLine, laneConfirmation } from '../protocol/banner.ts';
import type { LaneStreams } from '../link/lane.ts';
import type { LaneAddress } from '../protocol/schemas.ts';

const tokenBytes = 32;

/**
 * Takes further lanes: each is an ssh connection of its own, whose sshd comes in here over the loopback.
 * Anybody on this machine can knock; only who knows the token, which went over ssh alone, is let in.
 */
export function listenForLanes(onLane: (streams: LaneStreams) => void): Promise<LaneAddress | null> {
  const token = randomBytes(tokenBytes).toString('hex');
  const server = createServer({ noDelay: true }, (socket) => admit(socket, token, onLane));
  server.maxConnections = limits.maxLanes + limits.maxSharedLanes;
  server.unref();
  return new Promise((resolve) => {
    // Where there is no loopback to listen on, one lane has to do.
    server.once('error', () => resolve(null));
    server.listen(0, '127.0.0.1', () => resolve({ port: (server.address() as AddressInfo).port, token }));
  });
}

/**
 * The token lets a lane in; the local side's confirmation opens it. Without the confirmation, a local side that has given
 * up the lane meanwhile would seem to have ended the conversation.
 */
function admit(socket: Socket, token: string, onLane: (streams: LaneStreams) => void): void {
  socket.on('error', () => socket.destroy());
  socket.setTimeout(limits.laneTokenTimeoutMs, () => socket.destroy());
  takeFirst(socket, token.length, (greeting) => {
    if (!timingSafeEqual(greeting, Buffer.from(token))) {
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

/** Reads this many bytes from the front of a stream, which is then paused just behind them. */
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
