import { PassThrough, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { limits } from '../../src/limits.ts';
import { Channel } from '../../src/protocol/channel.ts';
import type { DataMessage } from '../../src/protocol/messages.ts';

const MiB = 1024 * 1024;
const shortWayMs = limits.longRoundTripMs / 10;
const longWayMs = limits.longRoundTripMs * 10;

test('on a short way, no more payload goes out than was confirmed, and a little', async () => {
  const { channel, carried } = channelOver(shortWayMs);
  const sent = Promise.all(Array.from({ length: 5 }, () => send(channel, MiB)));
  await sleep(20);
  expect(carried()).toBe(limits.shortWayBytes);
  channel.confirmed(MiB);
  await sleep(20);
  expect(carried()).toBe(limits.shortWayBytes + MiB);
  channel.confirmed(2 * MiB);
  await sent;
  expect(carried()).toBe(5 * MiB);
});

test('zeros, which take no room on the way, wait for none', async () => {
  const { channel, carried } = channelOver(shortWayMs);
  const sent = Promise.all(Array.from({ length: 5 }, () => send(channel, 0)));
  await sent;
  expect(carried()).toBe(0);
});

test('on a long way, payload goes out without waiting for a confirmation', async () => {
  const { channel, carried } = channelOver(longWayMs);
  await Promise.all(Array.from({ length: 5 }, () => send(channel, MiB)));
  expect(carried()).toBe(5 * MiB);
});

test('what waits for room on a short way counts as what the link can do', async () => {
  const { channel } = channelOver(shortWayMs);
  for (let count = 0; count < 80; count++) {
    await send(channel, MiB);
    setTimeout(() => channel.confirmed(MiB), 20);
  }
  // Two MiB in each 20 ms, over a lane that takes them at once.
  expect(channel.bytesPerMs).toBeGreaterThan((2 * MiB) / 40);
  expect(channel.bytesPerMs).toBeLessThan((2 * MiB) / 10);
});

test('payload that was not sent can’t be confirmed', async () => {
  const { channel } = channelOver(shortWayMs);
  await send(channel, MiB);
  expect(() => channel.confirmed(MiB + 1)).toThrow(/confirmed more payload/);
});

/** Over a lane that takes everything at once, without headers to count. */
function channelOver(roundTripMs: number): { channel: Channel; carried: () => number } {
  let carriedBytes = 0;
  const writable = new Writable({
    write(bytes: Uint8Array, _encoding, done) {
      if (bytes.byteLength >= MiB) carriedBytes += bytes.byteLength;
      done();
    },
  });
  const channel = new Channel();
  channel.addLane({ readable: new PassThrough(), writable });
  channel.learnRoundTripMs(roundTripMs);
  onTestFinished(() => channel.destroy());
  return { channel, carried: () => carriedBytes };
}

async function send(channel: Channel, payloadBytes: number): Promise<void> {
  await channel.roomForData(payloadBytes);
  await channel.sendData(dataOf(payloadBytes));
}

function dataOf(payloadBytes: number): DataMessage {
  const extents = [{ offsetBytes: 0, lengthBytes: MiB }];
  const encoding = payloadBytes === 0 ? 'zero' : 'none';
  return { type: 'data', extents, encoding, payload: new Uint8Array(payloadBytes) };
}
