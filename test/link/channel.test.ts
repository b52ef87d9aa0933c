import { PassThrough, Transform, Writable } from 'node:stream';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { bounds, tuning } from '../../src/limits.ts';
import { Channel } from '../../src/link/channel.ts';
import type { DataMessage } from '../../src/protocol/messages.ts';
import type { Trace } from '../../src/trace.ts';
import { channelPair } from '../support/channel-pair.ts';
import { failureOf } from '../support/failure.ts';

const MiB = 1024 * 1024;
const nearMs = tuning.longRoundTripMs / 10;
const farMs = tuning.longRoundTripMs * 10;

test('with a short round trip, the payload in flight is bounded until the peer confirms some', async () => {
  const { channel, carried } = channelOver(nearMs);
  const sent = Promise.all(Array.from({ length: 5 }, () => send(channel, MiB)));
  await allSettled();
  expect(carried()).toBe(tuning.nearWindowBytes);
  confirm(channel, 1);
  await allSettled();
  expect(carried()).toBe(tuning.nearWindowBytes + MiB);
  confirm(channel, 2);
  await sent;
  expect(carried()).toBe(5 * MiB);
});

test('zeros, which have no payload, do not wait for space', async () => {
  const { channel, carried } = channelOver(nearMs);
  const sent = Promise.all(Array.from({ length: 5 }, () => send(channel, 0)));
  await sent;
  expect(carried()).toBe(0);
});

test('zeros count a small share of the window, and the peer has to confirm exactly that', async () => {
  const { channel } = channelOver(nearMs);
  const windowBytes = MiB / bounds.zeroFrameShare;
  await Promise.all([send(channel, 0), send(channel, 0)]);
  channel.confirmed({ writtenBytes: MiB, payloadBytes: 0, windowBytes });
  expect(() => channel.confirmed({ writtenBytes: MiB, payloadBytes: 0 })).toThrow('more of the window');
  expect(() =>
    channel.confirmed({ writtenBytes: MiB, payloadBytes: 0, windowBytes: windowBytes - 1 }),
  ).toThrow('not all');
});

test('with a long round trip, payload goes out without waiting for a confirmation', async () => {
  const { channel, carried } = channelOver(farMs);
  await Promise.all(Array.from({ length: 5 }, () => send(channel, MiB)));
  expect(carried()).toBe(5 * MiB);
});

test('a peer that is silent does not count as one that answers', async () => {
  const { channel } = channelOver(nearMs);
  expect(await channel.answersWithin(20)).toBe(false);
  const [local] = channelPair();
  expect(await local.answersWithin(10_000)).toBe(true);
});

test('with a short round trip, waiting for space measures the throughput', async () => {
  const { channel } = channelOver(nearMs);
  for (let count = 0; count < 80; count++) {
    await send(channel, MiB);
    setTimeout(() => confirm(channel, 1), 20);
  }
  // Two MiB every 20 ms, over a lane that accepts them immediately.
  expect(channel.speed.bytesPerMs).toBeGreaterThan((2 * MiB) / 40);
  expect(channel.speed.bytesPerMs).toBeLessThan((2 * MiB) / 10);
});

test('a short round trip is recognised while the peer is busy', async () => {
  const busyMs = 300;
  const isFree = sleep(busyMs);
  const channel = channelThrough((push) => void isFree.then(push));
  const shortMs = busyMs / 5;
  expect(await channel.measureRoundTripMs(shortMs)).toBeLessThan(shortMs);
});

test('a long round trip is measured in little more than one', async () => {
  const channel = channelThrough((push) => void setTimeout(push, farMs));
  const startMs = performance.now();
  const roundTripMs = await channel.measureRoundTripMs(tuning.longRoundTripMs);
  expect(roundTripMs).toBeGreaterThanOrEqual(farMs - 1);
  expect(roundTripMs).toBeLessThan(farMs * 4);
  expect(performance.now() - startMs).toBeLessThan(farMs * 8);
});

test('a measurement of the round trip fails with the conversation', async () => {
  const channel = channelThrough(() => undefined);
  const measured = failureOf(() => channel.measureRoundTripMs(tuning.longRoundTripMs));
  await allSettled();
  channel.fail(new BasynError('connection', 'The line is dead.'));
  expect(await measured).toMatchObject({ message: 'The line is dead.' });
});

test('payload and data that were not sent cannot be confirmed', async () => {
  const { channel } = channelOver(nearMs);
  await send(channel, MiB);
  const confirmation = { writtenBytes: MiB, payloadBytes: MiB };
  expect(() => channel.confirmed({ ...confirmation, payloadBytes: MiB + 1 })).toThrow(
    /confirmed more payload/,
  );
  expect(() => channel.confirmed({ ...confirmation, writtenBytes: MiB + 1 })).toThrow(/confirmed more data/);
  expect(() => channel.confirmed({ ...confirmation, payloadBytes: MiB - 1 })).toThrow(
    /not all of the payload/,
  );
});

test('a flush of the peer is reported until its next message, and is not a message of the conversation', async () => {
  const [channel, peer] = channelPair();
  const flushes: string[] = [];
  channel.onFlush((whose) => flushes.push(whose));
  peer.onFlush((whose) => flushes.push(whose));
  peer.announceFlush();
  await channel.measureRoundTripMs(Infinity);
  expect(channel.isPeerFlushing).toBe(true);
  expect(flushes).toEqual(['ours', 'theirs']);
  peer.send({ type: 'finished', writtenBytes: 1 });
  expect(await channel.next()).toEqual({ type: 'finished', writtenBytes: 1 });
  expect(channel.isPeerFlushing).toBe(false);
});

test('a trace has each message of each lane, in both directions', async () => {
  const lines: string[] = [];
  const { channel } = channelOver(farMs, (line) => lines.push(line));
  channel.addLane({
    readable: new PassThrough(),
    writable: new Writable({ write: (_bytes, _encoding, done) => done() }),
  });
  channel.send({ type: 'advance', doneBuffers: 3 });
  await send(channel, MiB);
  await send(channel, 0);
  expect(lines).toEqual([
    'decision: a round trip of 50.0 ms is long',
    'lane 1 sent advance, 28 bytes: 3 buffers settled',
    `lane 1 sent data, ${MiB + 52} bytes: ${MiB} device bytes in 1 extents from offset 0, ${MiB} bytes of none`,
    `lane 2 sent data, 52 bytes: ${MiB} device bytes in 1 extents from offset 0, 0 bytes of zero`,
  ]);
});

/** Waits until everything in memory that needs no timer has happened. */
async function allSettled(): Promise<void> {
  for (let count = 0; count < 20; count++) await turn();
}

/** A channel to another one, which receives the messages when `carry` pushes them. */
function channelThrough(carry: (push: () => void) => void): Channel {
  const there = new Transform({
    transform(bytes: Uint8Array, _encoding, done) {
      carry(() => this.push(bytes));
      done();
    },
  });
  return channelPair(there)[0];
}

/** A channel over a lane that accepts everything immediately, without headers to count. */
function channelOver(roundTripMs: number, trace?: Trace): { channel: Channel; carried: () => number } {
  let carriedBytes = 0;
  const writable = new Writable({
    write(bytes: Uint8Array, _encoding, done) {
      if (bytes.byteLength >= MiB) carriedBytes += bytes.byteLength;
      done();
    },
  });
  const channel = new Channel(trace);
  channel.addLane({ readable: new PassThrough(), writable });
  channel.learnRoundTripMs(roundTripMs);
  onTestFinished(() => channel.destroy());
  return { channel, carried: () => carriedBytes };
}

async function send(channel: Channel, payloadBytes: number): Promise<void> {
  const { drained } = await channel.sendData(dataOf(payloadBytes));
  await drained;
}

/** The peer has written this number of frames of 1 MiB. */
function confirm(channel: Channel, frames: number): void {
  channel.confirmed({ writtenBytes: frames * MiB, payloadBytes: frames * MiB });
}

function dataOf(payloadBytes: number): DataMessage {
  const extents = [{ offsetBytes: 0, lengthBytes: MiB }];
  const encoding = payloadBytes === 0 ? 'zero' : 'none';
  const digest = new Uint8Array(16);
  return { type: 'data', extents, encoding, digest, payload: new Uint8Array(payloadBytes) };
}
