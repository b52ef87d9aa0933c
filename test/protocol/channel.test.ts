import { PassThrough, Transform, Writable } from 'node:stream';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { Channel } from '../../src/protocol/channel.ts';
import type { DataMessage } from '../../src/protocol/messages.ts';
import { channelPair } from '../support/channel-pair.ts';
import { failureOf } from '../support/failure.ts';

const MiB = 1024 * 1024;
const shortWayMs = limits.longRoundTripMs / 10;
const longWayMs = limits.longRoundTripMs * 10;

test('on a short way, no more payload goes out than was confirmed, and a little', async () => {
  const { channel, carried } = channelOver(shortWayMs);
  const sent = Promise.all(Array.from({ length: 5 }, () => send(channel, MiB)));
  await allSettled();
  expect(carried()).toBe(limits.shortWayBytes);
  channel.confirmed(MiB);
  await allSettled();
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

test('a short way is told from a long one while the other side is busy', async () => {
  const busyMs = 300;
  const isFree = sleep(busyMs);
  const channel = channelThrough((push) => void isFree.then(push));
  const shortMs = busyMs / 5;
  expect(await channel.measureRoundTripMs(shortMs)).toBeLessThan(shortMs);
});

test('a long way is measured within little more than a round trip', async () => {
  const channel = channelThrough((push) => void setTimeout(push, longWayMs));
  const startMs = performance.now();
  const roundTripMs = await channel.measureRoundTripMs(limits.longRoundTripMs);
  expect(roundTripMs).toBeGreaterThanOrEqual(longWayMs - 1);
  expect(roundTripMs).toBeLessThan(longWayMs * 4);
  expect(performance.now() - startMs).toBeLessThan(longWayMs * 8);
});

test('a way can’t be measured when the conversation has ended', async () => {
  const channel = channelThrough(() => undefined);
  const measured = failureOf(() => channel.measureRoundTripMs(limits.longRoundTripMs));
  await allSettled();
  channel.fail(new BasynError('connection', 'The line is dead.'));
  expect(await measured).toMatchObject({ message: 'The line is dead.' });
});

test('payload that was not sent can’t be confirmed', async () => {
  const { channel } = channelOver(shortWayMs);
  await send(channel, MiB);
  expect(() => channel.confirmed(MiB + 1)).toThrow(/confirmed more payload/);
});

test('a flush of the peer is known until its next message, and is no message itself', async () => {
  const [channel, peer] = channelPair();
  const flushes: string[] = [];
  channel.onFlush((whose) => flushes.push(whose));
  peer.onFlush((whose) => flushes.push(whose));
  peer.announceFlush();
  await channel.ping();
  expect(channel.isPeerFlushing).toBe(true);
  expect(flushes).toEqual(['ours', 'theirs']);
  peer.send({ type: 'finished', writtenBytes: 1 });
  expect(await channel.next()).toEqual({ type: 'finished', writtenBytes: 1 });
  expect(channel.isPeerFlushing).toBe(false);
});

/** All that happens in memory without a timer has happened. */
async function allSettled(): Promise<void> {
  for (let count = 0; count < 20; count++) await turn();
}

/** To another channel, to which what is said goes when `carry` pushes it. */
function channelThrough(carry: (push: () => void) => void): Channel {
  const there = new Transform({
    transform(bytes: Uint8Array, _encoding, done) {
      carry(() => this.push(bytes));
      done();
    },
  });
  return channelPair(there)[0];
}

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
  const digest = new Uint8Array(16);
  return { type: 'data', extents, encoding, digest, payload: new Uint8Array(payloadBytes) };
}
