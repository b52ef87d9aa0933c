import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { limits } from '../limits.ts';
import { bannerLine } from '../protocol/banner.ts';
import type { LaneStreams } from '../protocol/lane.ts';
import type { LaneMeeting } from '../protocol/schemas.ts';

const tokenBytes = 32;

/**
 * Takes further lanes: each is an ssh connection of its own, whose sshd comes in here over the loopback.
 * Anybody on this machine can knock; only who knows the token, which went over ssh alone, is let in.
 */
export function listenForLanes(onLane: (streams: LaneStreams) => void): Promise<LaneMeeting | null> {
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

function admit(socket: Socket, token: string, onLane: (streams: LaneStreams) => void): void {
  const expected = Buffer.from(token);
  socket.on('error', () => socket.destroy());
  socket.setTimeout(limits.laneGreetingTimeoutMs, () => socket.destroy());
  let seen = Buffer.alloc(0);
  const greet = (bytes: Buffer): void => {
    seen = Buffer.concat([seen, bytes]);
    if (seen.byteLength < expected.byteLength) return;
    socket.off('data', greet).pause().setTimeout(0);
    if (!timingSafeEqual(seen.subarray(0, expected.byteLength), expected)) {
      socket.destroy();
      return;
    }
    if (seen.byteLength > expected.byteLength) socket.unshift(seen.subarray(expected.byteLength));
    socket.write(bannerLine(process.versions.node));
    onLane({ readable: socket, writable: socket });
  };
  socket.on('data', greet);
}
