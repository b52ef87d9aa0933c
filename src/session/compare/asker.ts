import type { BusyTime } from '../../busy-time.ts';
import { cut, type Extent } from '../../digest/extent.ts';
import { stepCountOf } from '../../digest/geometry.ts';
import { BasynError } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import type { Channel } from '../../link/channel.ts';
import { Credit } from '../../protocol/credit.ts';
import type { AnswerMessage } from '../../protocol/messages.ts';

interface OpenAsk {
  readonly expectedBytes: number;
  readonly resolve: (digests: Uint8Array) => void;
}

/** The source's requests for digests. Several may be open at once; each answer carries the number of its request. */
export class Asker {
  readonly #channel: Channel;
  readonly #digestBytes: number;
  readonly #open = new Map<number, OpenAsk>();
  readonly #credit = new Credit(bounds.askedDigestBytes);
  #lastId = 0;
  readonly #exchange: BusyTime | undefined;

  /** @param exchange measures for how long a request is open. */
  constructor(channel: Channel, digestBytes: number, exchange?: BusyTime) {
    this.#channel = channel;
    this.#exchange = exchange;
    this.#digestBytes = digestBytes;
  }

  /** The target's digest of every step of the extents, in order, back to back. */
  async ask(extents: readonly Extent[], stepBytes: number): Promise<Uint8Array> {
    const answers = await Promise.all(
      questionsOf(extents, stepBytes).map((question) => this.#askOne(question, stepBytes)),
    );
    return answers.length === 1 ? answers[0]! : Buffer.concat(answers);
  }

  /** @throws {BasynError} `protocol`, where the answer belongs to no open request. */
  answer({ id, digests }: AnswerMessage): void {
    const ask = this.#open.get(id);
    if (ask?.expectedBytes !== digests.byteLength) {
      throw new BasynError('protocol', 'The peer sent digests that were not requested.');
    }
    this.#open.delete(id);
    this.#credit.release(askCharge(ask.expectedBytes));
    this.#exchange?.end(1);
    ask.resolve(digests);
  }

  async #askOne(extents: readonly Extent[], stepBytes: number): Promise<Uint8Array> {
    const expectedBytes = stepCountOf(extents, stepBytes) * this.#digestBytes;
    await this.#credit.acquire(askCharge(expectedBytes));
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#open.set(id, { expectedBytes, resolve });
      this.#exchange?.begin(1);
      this.#channel.send({ type: 'ask', id, stepBytes, extents });
    });
  }
}

/** What an open request counts against the limits: the digests to come, or for a small request the memory for itself. */
export function askCharge(expectedBytes: number): number {
  return Math.max(bounds.leastAskCharge, expectedBytes);
}

/** Splits a request into ones that stay within both sides' limits. */
export function questionsOf(extents: readonly Extent[], stepBytes: number): Extent[][] {
  const partBytes = Math.max(1, Math.floor(bounds.askBytes / stepBytes)) * stepBytes;
  const questions: Extent[][] = [];
  let questionBytes = Infinity;
  for (const part of extents.flatMap((extent) => [...cut(extent, partBytes)])) {
    questionBytes += part.lengthBytes;
    const last = questions.at(-1);
    if (last === undefined || last.length === bounds.askExtents || questionBytes > partBytes) {
      questions.push([part]);
      questionBytes = part.lengthBytes;
    } else {
      last.push(part);
    }
  }
  return questions;
}
