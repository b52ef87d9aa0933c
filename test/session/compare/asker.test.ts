import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { bounds } from '../../../src/limits.ts';
import type { Channel } from '../../../src/link/channel.ts';
import type { Message } from '../../../src/protocol/messages.ts';
import { Asker, questionsOf } from '../../../src/session/compare/asker.ts';
import { channelPair } from '../../support/channel-pair.ts';

const KiB = 1024;
const digestBytes = 20;
type Ask = Extract<Message, { type: 'ask' }>;

describe('a question', () => {
  test('is sent as one message with unchanged ranges if it is small', () => {
    const extents = [extent(0, 4 * KiB), extent(100 * KiB, 1)];
    expect(questionsOf(extents, KiB)).toEqual([extents]);
  });

  test('is divided between steps if it covers more bytes than a question may', () => {
    const stepBytes = 3 * KiB;
    const sizeBytes = 2 * bounds.askBytes + 5;
    const questions = questionsOf([extent(7, sizeBytes)], stepBytes);
    expect(questions.length).toBeGreaterThan(2);
    let endBytes = 7;
    for (const [part, ...others] of questions) {
      expect(others).toEqual([]);
      expect(part!.offsetBytes).toBe(endBytes);
      expect((part!.offsetBytes - 7) % stepBytes).toBe(0);
      expect(part!.lengthBytes).toBeLessThanOrEqual(bounds.askBytes);
      endBytes += part!.lengthBytes;
    }
    expect(endBytes).toBe(7 + sizeBytes);
  });

  test('is divided if it has more ranges than a question may have', () => {
    const extents = Array.from({ length: bounds.askExtents + 1 }, (_, index) => extent(2 * index, 1));
    const questions = questionsOf(extents, KiB);
    expect(questions.map(({ length }) => length)).toEqual([bounds.askExtents, 1]);
    expect(questions.flat()).toEqual(extents);
  });

  test('about a step that is larger than a question may cover asks for this one step', () => {
    const stepBytes = 3 * bounds.askBytes;
    expect(questionsOf([extent(0, 2 * stepBytes)], stepBytes)).toEqual([
      [extent(0, stepBytes)],
      [extent(stepBytes, stepBytes)],
    ]);
  });
});

describe('an answer', () => {
  test('is assigned to the question with its number, in whatever order answers arrive', async () => {
    const { asker, peer } = makeAsker();
    const answers = [asker.ask([extent(0, 2 * KiB)], KiB), asker.ask([extent(9, 1)], KiB)];
    const asks = [await nextAsk(peer), await nextAsk(peer)];
    expect(asks).toEqual([
      { type: 'ask', id: asks[0]!.id, stepBytes: KiB, extents: [extent(0, 2 * KiB)] },
      { type: 'ask', id: asks[1]!.id, stepBytes: KiB, extents: [extent(9, 1)] },
    ]);
    asker.answer({ type: 'answer', id: asks[1]!.id, digests: digests(1, 'b') });
    asker.answer({ type: 'answer', id: asks[0]!.id, digests: digests(2, 'a') });
    expect(await Promise.all(answers)).toEqual([digests(2, 'a'), digests(1, 'b')]);
  });

  test('to each part of a long question is joined in the order of the ranges', async () => {
    const { asker, peer } = makeAsker();
    const answer = asker.ask([extent(0, 2 * bounds.askBytes)], bounds.askBytes);
    const asks = [await nextAsk(peer), await nextAsk(peer)];
    asker.answer({ type: 'answer', id: asks[1]!.id, digests: digests(1, '2') });
    asker.answer({ type: 'answer', id: asks[0]!.id, digests: digests(1, '1') });
    expect(await answer).toEqual(Buffer.concat([digests(1, '1'), digests(1, '2')]));
  });

  test.each([
    ['that nobody has asked for', 1, 2],
    ['with too few digests', 0, 1],
    ['with too many digests', 0, 3],
    ['with no digests', 0, 0],
  ])('%s is a protocol error', async (_, idOffset, digestCount) => {
    const { asker, peer } = makeAsker();
    void asker.ask([extent(0, 2 * KiB)], KiB);
    const { id } = await nextAsk(peer);
    const answer = { type: 'answer', id: id + idOffset, digests: digests(digestCount, 'x') } as const;
    expect(() => asker.answer(answer)).toThrow(expect.objectContaining({ code: 'protocol' }));
  });

  test('that arrives twice is a protocol error', async () => {
    const { asker, peer } = makeAsker();
    void asker.ask([extent(0, 1)], KiB);
    const { id } = await nextAsk(peer);
    const answer = { type: 'answer', id, digests: digests(1, 'x') } as const;
    asker.answer(answer);
    expect(() => asker.answer(answer)).toThrow(expect.objectContaining({ code: 'protocol' }));
  });
});

test('questions wait while too many digests are outstanding, and continue with the next answer', async () => {
  const { asker, peer } = makeAsker();
  const most = bounds.askedDigestBytes / bounds.leastAskCharge;
  const answers = Array.from({ length: most + 1 }, (_, index) => asker.ask([extent(index, 1)], KiB));
  const asks: Ask[] = [];
  for (let count = 0; count < most; count++) asks.push(await nextAsk(peer));
  let isLastAsked = false;
  const last = nextAsk(peer).then((ask) => {
    isLastAsked = true;
    return ask;
  });
  for (let count = 0; count < 10; count++) await turn();
  expect(isLastAsked).toBe(false);
  asker.answer({ type: 'answer', id: asks[0]!.id, digests: digests(1, 'x') });
  expect((await last).extents).toEqual([extent(most, 1)]);
  expect(await answers[0]).toEqual(digests(1, 'x'));
});

function makeAsker(): { asker: Asker; peer: Channel } {
  const [local, peer] = channelPair();
  return { asker: new Asker(local, digestBytes), peer };
}

async function nextAsk(peer: Channel): Promise<Ask> {
  const message = await peer.next();
  expect(message.type).toBe('ask');
  return message as Ask;
}

function extent(offsetBytes: number, lengthBytes: number): { offsetBytes: number; lengthBytes: number } {
  return { offsetBytes, lengthBytes };
}

function digests(count: number, fill: string): Buffer {
  return Buffer.alloc(count * digestBytes, fill);
}
