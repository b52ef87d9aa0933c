import type { Extent } from '../../digest/extent.ts';
import { bufferCountOf } from '../../digest/geometry.ts';
import { BasynError } from '../../errors.ts';
import type { Channel } from '../../link/channel.ts';
import type { AnswerMessage, DigestsMessage } from '../../protocol/messages.ts';
import type { Phase } from '../phase.ts';
import { Asker } from './asker.ts';
import type { DigestListener, DigestSource } from './digest-source.ts';

/** The target's digests as the peer sends them: of whole buffers unrequested, within a window; finer ones on request. */
export class PeerDigests implements DigestSource {
  readonly #phase: Phase;
  readonly #channel: Channel;
  readonly #asker: Asker;
  /** Received, and not settled yet: at most a window of them. */
  readonly #received = new Set<number>();
  #doneBuffers: number;

  constructor(phase: Phase, channel: Channel) {
    this.#phase = phase;
    this.#channel = channel;
    this.#doneBuffers = phase.plan.fromBuffer ?? 0;
    this.#asker = new Asker(channel, phase.hasher.digestBytes);
  }

  ask(extents: readonly Extent[], stepBytes: number): Promise<Uint8Array> {
    return this.#asker.ask(extents, stepBytes);
  }

  advance(doneBuffers: number, differingBytes: number): void {
    for (let index = this.#doneBuffers; index < doneBuffers; index++) this.#received.delete(index);
    this.#doneBuffers = doneBuffers;
    const { countDiffering } = this.#phase.plan;
    this.#channel.send({ type: 'advance', doneBuffers, ...(countDiffering && { differingBytes }) });
  }

  /**
   * Digests of whole buffers have arrived.
   *
   * @throws {BasynError} `protocol`, where they are outside the window or were sent before.
   */
  receiveDigests({ firstBuffer, digests }: DigestsMessage, deliver: DigestListener): void {
    const { hasher, plan, geometry } = this.#phase;
    const count = digests.byteLength / hasher.digestBytes;
    const end = firstBuffer + count;
    const isAllowed =
      Number.isInteger(count) &&
      firstBuffer >= this.#doneBuffers &&
      end <= Math.min(bufferCountOf(geometry), this.#doneBuffers + plan.windowBuffers);
    if (!isAllowed) throw new BasynError('protocol', 'The peer sent digests outside the window.');
    for (let index = firstBuffer; index < end; index++) {
      if (this.#received.has(index)) {
        throw new BasynError('protocol', `The peer sent the digest of buffer ${index} twice.`);
      }
      this.#received.add(index);
      const start = (index - firstBuffer) * hasher.digestBytes;
      deliver(index, digests.subarray(start, start + hasher.digestBytes));
    }
  }

  /** @throws {BasynError} `protocol`, where the answer belongs to no open request. */
  receiveAnswer(message: AnswerMessage): void {
    this.#asker.answer(message);
  }
}
