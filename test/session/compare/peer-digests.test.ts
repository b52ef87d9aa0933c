import { expect, test } from 'vitest';
import { PeerDigests } from '../../../src/session/compare/peer-digests.ts';
import { phaseOf } from '../../../src/session/phase.ts';
import type { Message } from '../../../src/protocol/messages.ts';
import type { Plan } from '../../../src/protocol/schemas.ts';
import { InlineRunner } from '../../../src/workers/inline.ts';
import { perform } from '../../../src/workers/perform.ts';
import { channelPair } from '../../support/channel-pair.ts';
import { fileHandle } from '../../support/file-handle.ts';
import { only } from '../coverage.fixture.ts';

const plan: Plan = {
  phase: 'sync',
  sizeBytes: 4_000_000,
  hash: 'SHA1',
  bufferBytes: 1000,
  chunkBytes: null,
  windowBuffers: 4,
  compression: { name: 'none', level: null },
  roundTripMs: null,
  dryRun: false,
};

test('the window counts the buffers that the target surveys, and not those in between', async () => {
  const { receive, digests } = await digestsFor([0, 100, 200, 300, 400, 500], [0, 100, 200, 300, 400, 500]);
  expect(receive(300)).toEqual([300]);
  expect(() => receive(400)).toThrow('outside the window');
  expect(receive(0)).toEqual([0]);
  digests.advance(100, 0);
  expect(receive(400)).toEqual([400]);
  expect(() => receive(500)).toThrow('outside the window');
  expect(() => receive(0)).toThrow('outside the window');
  expect(() => receive(300)).toThrow('twice');
});

test('a target that surveys fewer buffers than the source has a window of its own', async () => {
  const { receive, digests } = await digestsFor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 4, 6, 7, 8, 9]);
  expect(() => receive(2)).toThrow('outside the window');
  expect(receive(7)).toEqual([7]);
  expect(() => receive(8)).toThrow('outside the window');
  digests.advance(3, 0);
  expect(receive(8)).toEqual([8]);
  expect(() => receive(9)).toThrow('outside the window');
});

test('digests that the source does not need are taken and not delivered', async () => {
  const { receive, digests } = await digestsFor([1, 4], [1, 2, 3, 4, 7]);
  expect(receive(1, 4)).toEqual([1, 4]);
  digests.advance(4000, 0);
  expect(() => receive(7)).toThrow('outside the window');
});

/** The source's view of a target, where the source examines some buffers and the target surveys others. */
async function digestsFor(coverage: readonly number[], surveyed: readonly number[]) {
  const device = fileHandle(Buffer.alloc(1));
  const phase = await phaseOf(
    {
      plan,
      device,
      output: device,
      disk: undefined,
      zeros: 'write',
      runner: new InlineRunner(perform),
      holeBytes: 0,
      notes: [],
      trace: undefined,
    },
    { coverage: only(coverage), surveyed: only(surveyed) },
  );
  const [channel] = channelPair();
  const digests = new PeerDigests(phase, channel);
  const receive = (firstBuffer: number, count = 1): number[] => {
    const delivered: number[] = [];
    const message: Extract<Message, { type: 'digests' }> = {
      type: 'digests',
      firstBuffer,
      digests: Buffer.alloc(20 * count),
    };
    digests.receiveDigests(message, (index) => delivered.push(index));
    return delivered;
  };
  return { receive, digests };
}
