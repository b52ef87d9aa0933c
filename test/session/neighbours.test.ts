import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { DataMessage } from '../../src/protocol/messages.ts';
import { serveAgentEnd } from '../../src/session/agent-end.ts';
import { InlineRunner } from '../../src/workers/inline.ts';
import { perform } from '../../src/workers/perform.ts';
import { channelPair } from '../support/channel-pair.ts';
import { scratchFile } from '../support/scratch.ts';
import { lonelyAgent } from '../support/memory-session.ts';

test('differences in adjacent buffers are sent as one range', async () => {
  const bufferBytes = 4096;
  const device = Buffer.alloc(10 * bufferBytes + 100, 'source');
  expect(await sentWhere(device, bufferBytes, [2, 3, 4, 7, 9, 10])).toEqual([
    { offsetBytes: 2 * bufferBytes, lengthBytes: 3 * bufferBytes },
    { offsetBytes: 7 * bufferBytes, lengthBytes: bufferBytes },
    { offsetBytes: 9 * bufferBytes, lengthBytes: bufferBytes + 100 },
  ]);
});

/** The ranges that a source sends to a target of which only these buffers differ. */
async function sentWhere(
  device: Buffer,
  bufferBytes: number,
  differing: readonly number[],
): Promise<DataMessage['extents']> {
  const [target, source] = channelPair();
  const serving = serveAgentEnd(source, new InlineRunner(perform), lonelyAgent);
  serving.catch(() => undefined);
  const sizeBytes = device.length;
  target.send({
    type: 'open',
    protocol: 2,
    path: scratchFile(device),
    role: 'source',
    receiving: null,
    phases: ['sync'],
    lanes: false,
    peerTimeoutMs: 10_000,
  });
  target.send({
    type: 'begin',
    phase: 'sync',
    sizeBytes,
    hash: 'SHA1',
    bufferBytes,
    chunkBytes: bufferBytes,
    windowBuffers: 64,
    compression: { name: 'none', level: null },
    roundTripMs: null,
    dryRun: false,
  });
  const ours = Array.from({ length: Math.ceil(sizeBytes / bufferBytes) }, (_, index) => {
    const buffer = device.subarray(index * bufferBytes, (index + 1) * bufferBytes);
    return createHash('sha1')
      .update(differing.includes(index) ? 'another' : buffer)
      .digest();
  });
  target.send({ type: 'digests', firstBuffer: 0, digests: Buffer.concat(ours) });
  for (;;) {
    const message = await target.next();
    if (message.type === 'data') return message.extents;
  }
}
