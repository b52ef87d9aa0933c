import { readFileSync, statSync, truncateSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { bounds } from '../../src/limits.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { frameHeaderBytes } from '../../src/protocol/frame.ts';
import type {
  BeginMessage,
  DataMessage,
  Message,
  OpenMessage,
  WrittenMessage,
} from '../../src/protocol/messages.ts';
import type { Channel } from '../../src/link/channel.ts';
import { serveAgentEnd } from '../../src/session/agent-end.ts';
import { LaneOpener } from '../../src/link/lane-opener.ts';
import { runLocalEnd } from '../../src/session/local-end.ts';
import { InlineRunner } from '../../src/workers/inline.ts';
import { perform } from '../../src/workers/perform.ts';
import { channelPair } from '../support/channel-pair.ts';
import { frameDigest } from '../support/frame-digest.ts';
import { MemoryWire } from '../../src/link/memory-wire.ts';
import { lonelyAgent, makeReporter, plainOrder } from '../support/memory-session.ts';
import { scratchFile } from '../support/scratch.ts';

/** The honest side must never write outside its range, hang, or report success, whatever its peer sends. */

const sizeBytes = 100_000;
const canary = Buffer.alloc(50_000, 'canary');
const device = Buffer.concat([Buffer.alloc(sizeBytes, 'device'), canary]);
const identity = {
  machine: { bootId: 'elsewhere', kernel: '', hardware: '', wallMs: 0, monotonicMs: 0 },
  regions: [],
  gaps: [],
};

const receiving = {
  sourceSizeBytes: sizeBytes,
  sourceIdentity: identity,
  create: false,
  force: false,
  dryRun: false,
};
const open: Omit<OpenMessage, 'path'> = {
  type: 'open',
  protocol: 2,
  role: 'target',
  receiving,
  phases: ['sync', 'recheck'],
  lanes: false,
  peerTimeoutMs: 10_000,
};
const begin: BeginMessage = {
  type: 'begin',
  phase: 'sync',
  sizeBytes,
  hash: 'SHA1',
  bufferBytes: 16 * 1024,
  chunkBytes: 4096,
  windowBuffers: 4,
  compression: { name: 'none', level: null },
  roundTripMs: null,
  dryRun: false,
};
const finish: Message = {
  type: 'finish',
  dataBytes: 0,
  differingBytes: 0,
  differingRanges: [],
  differingRangeCount: 0,
};
const copy = { ...begin, phase: 'copy' } as const;
const covered: BeginMessage = { ...begin, covered: true };

function cover(runs: readonly number[], isLast = true): Message {
  return { type: 'cover', runs: Float64Array.from(runs), isLast };
}

type ControlMessage = Exclude<Message, DataMessage>;

function written(writtenBytes: number, payloadBytes: number): WrittenMessage {
  return { type: 'written', writtenBytes, payloadBytes };
}

function data(offsetBytes: number, lengthBytes: number): DataMessage {
  const extents = [{ offsetBytes, lengthBytes }];
  const payload = Buffer.alloc(lengthBytes, 'evil');
  return { type: 'data', encoding: 'none', digest: frameDigest(extents, payload), extents, payload };
}

describe('an agent in the role of the target refuses', () => {
  test.each<[string, Partial<OpenMessage>, readonly Message[]]>([
    ['data past the bytes of the run', {}, [copy, data(sizeBytes - 10, 20)]],
    ['data far past the device’s end', {}, [copy, data(2 ** 40, 20)]],
    ['data in a recheck', {}, [{ ...begin, phase: 'recheck' }, data(0, 20)]],
    ['data in a dry run', {}, [{ ...copy, dryRun: true }, data(0, 20)]],
    ['a copy to a device that was opened for reading only', { receiving: null }, [copy]],
    ['a copy after a promise to write nothing', { receiving: { ...receiving, dryRun: true } }, [copy]],
    ['a phase over more bytes than the device has', {}, [{ ...copy, sizeBytes: device.length + 1 }]],
    ['data before a phase has begun', {}, [data(0, 20)]],
    ['more data than was announced', {}, [copy, { ...finish, dataBytes: 10 }, data(0, 20)]],
    [
      'a data frame over the limit',
      {},
      [
        copy,
        data(0, 1000),
        { ...data(0, 1), extents: [{ offsetBytes: 0, lengthBytes: bounds.dataFrameBytes + 1 }] },
      ],
    ],
    ['a payload longer than its extents', {}, [copy, { ...data(0, 20), payload: Buffer.alloc(21) }]],
    ['a payload of other length than its extents', {}, [copy, { ...data(0, 20), payload: Buffer.alloc(19) }]],
    [
      'a question about bytes past the run',
      {},
      [begin, { type: 'ask', id: 1, stepBytes: 4096, extents: [{ offsetBytes: sizeBytes, lengthBytes: 1 }] }],
    ],
    [
      'a question in steps of 0',
      {},
      [begin, { type: 'ask', id: 1, stepBytes: 0, extents: [{ offsetBytes: 0, lengthBytes: 4096 }] }],
    ],
    [
      'a question that is answered with megabytes',
      {},
      [
        { ...begin, hash: 'SHA512' },
        { type: 'ask', id: 1, stepBytes: 1, extents: [{ offsetBytes: 0, lengthBytes: sizeBytes }] },
      ],
    ],
    [
      'a question in a copy',
      {},
      [copy, { type: 'ask', id: 1, stepBytes: 4096, extents: [{ offsetBytes: 0, lengthBytes: 4096 }] }],
    ],
    ['more settled buffers than there are', {}, [begin, { type: 'advance', doneBuffers: 8 }]],
    [
      'fewer settled buffers than before',
      {},
      [begin, { type: 'advance', doneBuffers: 3 }, { type: 'advance', doneBuffers: 2 }],
    ],
    ['a message that only it may send', {}, [begin, written(1, 1)]],
    ['a second phase within the first', {}, [begin, begin]],
    ['a second device', {}, [{ ...open, path: '/dev/null' }]],
    ['an end in the middle of a phase', {}, [copy, { type: 'bye' }]],
    ['lists of buffers out of order', {}, [cover([3, 1], false), cover([1, 1])]],
    ['lists of buffers that continue a run', {}, [cover([3, 1], false), cover([4, 1])]],
    ['a list of buffers after the last one', {}, [cover([3, 1]), cover([6, 1])]],
    ['an empty list of buffers that is not the last', {}, [cover([], false)]],
    ['more buffers in a list than the device has', {}, [cover([6, 2]), covered]],
    ['a part of the device without a list', {}, [covered]],
    ['a part of the device with half a list', {}, [cover([0, 1], false), covered]],
    ['a list of buffers for a phase over everything', {}, [cover([0, 1]), begin]],
    ['a copy of a part', {}, [cover([0, 1]), { ...copy, covered: true }]],
    ['a list of buffers within a phase', {}, [begin, cover([0, 1])]],
    [
      'settled buffers that it did not survey',
      {},
      [cover([2, 1]), covered, { type: 'advance', doneBuffers: 4 }],
    ],
  ])('%s, reports that, and does not change the bytes beyond the run', async (_, changes, said) => {
    const path = scratchFile(device);
    const failure = await answerTo([{ ...open, path, ...changes }, ...said]);
    expect(failure).toMatchObject({ code: 'protocol' });
    expect(readFileSync(path).subarray(sizeBytes).equals(canary)).toBe(true);
    const isEvil = readFileSync(path).includes('evil');
    if (!said.some(({ type }) => type === 'begin') || changes.receiving !== undefined)
      expect(isEvil).toBe(false);
  });

  test('more runs of buffers than the limit', async () => {
    const covers: Message[] = [];
    for (let at = 0; at <= bounds.coverageRuns; at += bounds.coverMessageRuns) {
      const count = Math.min(bounds.coverMessageRuns, bounds.coverageRuns + 1 - at);
      const runs = Float64Array.from({ length: 2 * count }, (_, index) =>
        index % 2 === 0 ? 2 * at + index : 1,
      );
      covers.push({ type: 'cover', runs, isLast: count < bounds.coverMessageRuns });
    }
    const failure = await answerTo([{ ...open, path: scratchFile(device) }, ...covers]);
    expect(failure).toMatchObject({ code: 'protocol', message: expect.stringContaining('listed buffers') });
  });

  test('a corrupted frame behind the goodbye, and reports it instead of success', async () => {
    const there = new MemoryWire();
    const [local, agent] = channelPair(there);
    local.send({ ...open, path: scratchFile(device) });
    const serving = serveAgentEnd(agent, new InlineRunner(perform), lonelyAgent);
    expect(await local.next()).toMatchObject({ type: 'opened' });
    // In one chunk: the agent takes the goodbye, and the conversation has failed before it can answer.
    there.write(Buffer.concat([...encodeMessage({ type: 'bye' }), Buffer.alloc(frameHeaderBytes)]));
    await expect(serving).rejects.toMatchObject({ code: 'protocol' });
    await expect(local.next()).rejects.toMatchObject({ code: 'protocol' });
  });

  test('a frame of zeros over the limit, on a device that is large enough for it', async () => {
    const path = scratchFile(Buffer.alloc(1));
    const largeBytes = 2 * bounds.zeroFrameBytes;
    truncateSync(path, largeBytes);
    const extents = [{ offsetBytes: 0, lengthBytes: bounds.zeroFrameBytes + 1 }];
    const zeros = { ...data(0, 1), encoding: 'zero', extents, payload: new Uint8Array(0) } as const;
    const failure = await answerTo([
      { ...open, path, phases: ['copy'], receiving: { ...receiving, sourceSizeBytes: largeBytes } },
      { ...copy, sizeBytes: largeBytes },
      zeros,
    ]);
    expect(failure).toMatchObject({ code: 'protocol', message: expect.stringContaining('a data frame of') });
    expect(statSync(path).blocks * 512).toBeLessThan(bounds.blockBytes);
  });

  test('any message before the device is named', async () => {
    expect(await answerTo([begin])).toMatchObject({ code: 'protocol' });
  });
});

describe('an agent in the role of the source refuses', () => {
  const source = { role: 'source', receiving: null } as const;
  const digests = (firstBuffer: number, count: number): Message => ({
    type: 'digests',
    firstBuffer,
    digests: Buffer.alloc(20 * count),
  });

  test.each<[string, readonly Message[]]>([
    ['digests beyond the window', [begin, digests(0, 5)]],
    ['digests past the last buffer', [{ ...begin, windowBuffers: 100 }, digests(6, 2)]],
    ['the same digest twice', [begin, digests(1, 1), digests(1, 1)]],
    ['half a digest', [begin, { type: 'digests', firstBuffer: 0, digests: Buffer.alloc(30) }]],
    ['digests in a copy', [copy, digests(0, 1)]],
    ['digests of a buffer that is not examined', [cover([1, 2]), covered, digests(3, 1)]],
    ['digests that cross a gap', [cover([1, 1, 3, 1]), covered, digests(1, 3)]],
    ['digests in front of the examined ones', [cover([1, 2]), covered, digests(0, 2)]],
    ['digests beyond the window of examined ones', [cover([0, 6]), covered, digests(1, 4)]],
    ['answers that it didn’t ask for', [begin, { type: 'answer', id: 1, digests: Buffer.alloc(20) }]],
    ['a confirmation of more than it has sent', [copy, written(sizeBytes + 1, 0)]],
    ['a confirmation of payload that it has not sent', [copy, written(0, 1)]],
    [
      'a confirmation of more of the window than it has used',
      [copy, { ...written(0, 0), windowBytes: sizeBytes + 1 }],
    ],
    ['an early end', [begin, { type: 'finished', writtenBytes: 0 }]],
    ['data', [begin, data(0, 20)]],
  ])('%s, and writes nothing', async (_, said) => {
    const path = scratchFile(device);
    const failure = await answerTo([{ ...open, ...source, path }, ...said]);
    expect(failure).toMatchObject({ code: 'protocol' });
    expect(readFileSync(path).equals(device)).toBe(true);
  });
});

describe('a local source', () => {
  const opened: Message = {
    type: 'opened',
    kind: 'regular file',
    sizeBytes,
    identity,
    warnings: [],
    cachedBecause: null,
    lanes: null,
  };
  /** A confirmation of all payload that was sent. */
  const allWritten = written(sizeBytes, 0);

  test.each<[string, readonly Message[], string]>([
    [
      'reports fewer bytes than were sent',
      [opened, allWritten, { type: 'finished', writtenBytes: sizeBytes - 1 }],
      'wrote',
    ],
    [
      'reports more bytes than were sent',
      [opened, allWritten, { type: 'finished', writtenBytes: sizeBytes + 1 }],
      'wrote',
    ],
    ['has a device that is too small', [{ ...opened, sizeBytes: sizeBytes - 1 }], 'the target is too small'],
  ])('reports no success if the target %s', async (_, said, words) => {
    const error = await localOutcome(said);
    expect(error.message).toContain(words);
  });

  test.each(['device', 'refused', 'internal'] as const)(
    'reports a failure of kind "%s" of the peer unchanged',
    async (code) => {
      const message = 'remote target /dev/sdb1 is on fire.';
      const record = { code, message, side: 'remote', remedy: 'force' } as const;
      expect((await localOutcome([{ type: 'failure', ...record }])).toRecord()).toEqual(record);
    },
  );

  test.each<[string, (agent: Channel) => void, string]>([
    [
      'could not close its device',
      (agent) =>
        agent.send({ type: 'failure', code: 'device', message: 'cannot close remote device /dev/sdb.' }),
      'cannot close remote device /dev/sdb.',
    ],
    ['disconnects without a message', (agent) => agent.destroy(), 'The connection to the peer ended'],
    ['sends another message', (agent) => agent.send({ type: 'finished', writtenBytes: 0 }), '"finished"'],
  ])('reports no success if the target has finished, and then %s', async (_, end, words) => {
    const error = await localOutcome(
      [opened, allWritten, { type: 'finished', writtenBytes: sizeBytes }],
      end,
    );
    expect(error.message).toContain(words);
  });

  /** The outcome of a copy to an agent that sends these messages, each after a delay, and runs `end` after `bye`. */
  async function localOutcome(said: readonly Message[], end?: (agent: Channel) => void): Promise<BasynError> {
    const path = scratchFile(device.subarray(0, sizeBytes));
    const [local, agent] = channelPair();
    const order = { ...plainOrder, phases: ['copy'] as const, localPath: path, remotePath: '/remote' };
    const reporter = makeReporter();
    onTestFinished(() => reporter.stop());
    const laneOpener = new LaneOpener(local, 0, () => Promise.reject(new Error('no lanes')));
    const running = runLocalEnd({
      order,
      channel: local,
      runner: new InlineRunner(perform),
      reporter,
      laneOpener,
    });
    const outcome = running.then(
      () => expect.fail('it reported success'),
      (error: unknown) => BasynError.from(error),
    );
    for (const message of said) {
      // The confirmation makes sense only after the data.
      const follows = message.type === 'written' ? 'finish' : undefined;
      let payloadBytes = 0;
      while (follows !== undefined) {
        const heard = await agent.next();
        if (heard.type === 'data') payloadBytes += heard.payload.byteLength;
        if (heard.type === follows) break;
      }
      agent.send(message.type === 'written' ? { ...message, payloadBytes } : (message as ControlMessage));
    }
    if (end === undefined) return outcome;
    while ((await agent.next()).type !== 'bye');
    end(agent);
    return outcome;
  }
});

/** The last message of the agent to a peer that sends these messages, whatever it answers before. */
async function answerTo(said: readonly Message[]): Promise<BasynError> {
  const [local, agent] = channelPair();
  const serving = serveAgentEnd(agent, new InlineRunner(perform), lonelyAgent).catch(() => undefined);
  for (const message of said) {
    if (message.type === 'data') await (await local.sendData(message)).drained;
    else local.send(message);
  }
  try {
    for (;;) await local.next();
  } catch (error) {
    return BasynError.from(error);
  } finally {
    local.destroy();
    agent.destroy();
    await serving;
  }
}
