/** Faults that were found by examining or corrupting conversations. */
import { PassThrough, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { Channel } from '../../src/link/channel.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import type { Message } from '../../src/protocol/messages.ts';
import { LaneOpener } from '../../src/link/lane-opener.ts';
import { runLocalEnd } from '../../src/session/local-end.ts';
import { InlineRunner } from '../../src/workers/inline.ts';
import { perform } from '../../src/workers/perform.ts';
import { failureOf } from '../support/failure.ts';
import { makeReporter, plainOrder } from '../support/memory-session.ts';
import { scratchFile } from '../support/scratch.ts';

const MiB = 1024 * 1024;
const digest = new Uint8Array(16);

test('a refusal that arrives while the hash function is being loaded is reported only to the caller', async () => {
  const stray: unknown[] = [];
  const catchStray = (error: unknown): void => void stray.push(error);
  process.on('unhandledRejection', catchStray);
  onTestFinished(() => void process.off('unhandledRejection', catchStray));

  const path = scratchFile(Buffer.alloc(1000));
  const { channel, readable } = channelTo(sink());
  const runner = new InlineRunner(perform);
  const laneOpener = new LaneOpener(channel, 0, () => Promise.reject(new Error('none')));
  const order = { ...plainOrder, hash: 'XXH128', localPath: path, remotePath: path } as const;
  const running = runLocalEnd({ order, channel, runner, reporter: makeReporter(), laneOpener });
  readable.write(frameOf({ type: 'failure', code: 'device', message: 'no such device.' }));
  expect(await failureOf(() => running)).toMatchObject({ code: 'device', message: 'no such device.' });
  await sleep(20);
  expect(stray).toEqual([]);
});

test('the failure that the peer sent is reported, although the peer no longer reads', async () => {
  const gone = new Writable({ write: (_bytes, _encoding, done) => done(new Error('write EPIPE')) });
  const { channel, readable } = channelTo(gone);
  const failed = failureOf(() => channel.next());
  channel.send({ type: 'written', writtenBytes: 1, payloadBytes: 1 });
  await sleep(50);
  readable.end(frameOf({ type: 'failure', code: 'device', message: 'cannot read it.' }));
  expect(await failed).toMatchObject({ code: 'device', message: 'cannot read it.' });
});

test('received data that is not yet consumed is bounded in bytes', async () => {
  const { readable } = channelTo(sink());
  const extents = [{ offsetBytes: 0, lengthBytes: MiB }];
  const frame = frameOf({ type: 'data', extents, encoding: 'none', digest, payload: Buffer.alloc(MiB) });
  let takenBytes = 0;
  while (takenBytes < 300 * MiB && !readable.isPaused()) {
    readable.write(frame);
    takenBytes += frame.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(takenBytes).toBeLessThan(150 * MiB);
});

test('a further lane that is dead is detected, although the first one is alive', async () => {
  const { channel, readable } = channelTo(sink());
  channel.addLane({ readable: new PassThrough(), writable: new Writable({ write: () => undefined }) });
  channel.watch(1000, () => false);
  const alive = setInterval(() => readable.write(frameOf({ type: 'ping' })), 100);
  onTestFinished(() => clearInterval(alive));
  const extents = [{ offsetBytes: 0, lengthBytes: MiB }];
  const payload = Buffer.alloc(MiB);
  const endings = Array.from({ length: 2 }, () =>
    channel.sendData({ type: 'data', extents, encoding: 'none', digest, payload }).catch(() => undefined),
  );
  const failed = failureOf(() => channel.next()).then(({ code }) => code);
  expect(await Promise.race([failed, sleep(5000, 'still waiting', { ref: false })])).toBe('connection');
  await Promise.race([...endings, sleep(10)]);
});

test('a further lane may be silent only as long as payload arrives on another one', async () => {
  const { channel, readable } = channelTo(sink());
  const second = new PassThrough();
  channel.addLane({ readable: second, writable: sink() });
  second.write(frameOf({ type: 'ping' }));
  channel.watch(200, () => false);
  const payload = Buffer.alloc(MiB);
  const extents = [{ offsetBytes: 0, lengthBytes: MiB }];
  const frame = frameOf({ type: 'data', extents, encoding: 'none', digest, payload });
  let failure: unknown;
  void (async () => {
    try {
      for (;;) await channel.next();
    } catch (error) {
      failure = error;
    }
  })();
  // A slow link: this frame takes more than a second.
  for (let part = 0; part < 20; part++) {
    readable.write(frame.subarray((part * frame.length) / 20, ((part + 1) * frame.length) / 20));
    await sleep(50);
  }
  expect(failure).toBeUndefined();
  const alive = setInterval(() => readable.write(frameOf({ type: 'ping' })), 20);
  onTestFinished(() => clearInterval(alive));
  await expect.poll(() => failure).toMatchObject({ code: 'connection' });
});

function channelTo(writable: Writable): { channel: Channel; readable: PassThrough } {
  const channel = new Channel();
  const readable = new PassThrough({ highWaterMark: 64 * 1024 });
  channel.addLane({ readable, writable });
  onTestFinished(() => channel.destroy());
  return { channel, readable };
}

function frameOf(message: Message): Buffer {
  return Buffer.concat(encodeMessage(message));
}

function sink(): Writable {
  return new Writable({ write: (_bytes, _encoding, done) => done() });
}
