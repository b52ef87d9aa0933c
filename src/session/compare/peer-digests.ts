import type { Extent } from '../../digest/extent.ts';
import { BasynError } from '../../errors.ts';
import type { Channel } from '../../link/channel.ts';
import type { AnswerMessage, DigestsMessage } from '../../protocol/messages.ts';
import { isExamined } from '../coverage.ts';
import type { Phase } from '../phase.ts';
import { Asker } from './asker.ts';
import type { DigestListener, DigestSource } from './digest-source.ts';

/** What has to be known of a phase. */
type DigestPhase = Pick<Phase, 'plan' | 'hasher' | 'coverage' | 'surveyed' | 'record' | 'times'>;

/**
 * The target's digests as the peer sends them: of whole buffers unrequested, within a window; finer ones on request. Those
 * that the state file knows are not sent.
 */
export class PeerDigests implements DigestSource {
  readonly #phase: DigestPhase;
  readonly #channel: Channel;
  readonly #asker: Asker;
  /** Positions of buffers that were received, and are not settled yet: at most a window of them. */
  readonly #received = new Set<number>();
  /** Surveyed buffers that are settled, without a gap. */
  #donePosition = 0;

  constructor(phase: DigestPhase, channel: Channel) {
    this.#phase = phase;
    this.#channel = channel;
    this.#asker = new Asker(channel, phase.hasher.digestBytes, phase.times?.exchange);
  }

  known(index: number): Uint8Array | undefined {
    const { record, surveyed } = this.#phase;
    return record === undefined || isExamined(surveyed, index) ? undefined : record.digestOf(index);
  }

  ask(extents: readonly Extent[], stepBytes: number): Promise<Uint8Array> {
    return this.#asker.ask(extents, stepBytes);
  }

  advance(doneBuffers: number, differingBytes: number): void {
    const donePosition = this.#phase.surveyed.positionOf(doneBuffers);
    for (let position = this.#donePosition; position < donePosition; position++) {
      this.#received.delete(position);
    }
    this.#donePosition = donePosition;
    const { countDiffering } = this.#phase.plan;
    this.#channel.send({ type: 'advance', doneBuffers, ...(countDiffering && { differingBytes }) });
  }

  /**
   * Digests of whole buffers have arrived.
   *
   * @throws {BasynError} `protocol`, where the target does not survey them, or where they are outside the window or were sent
   *   before.
   */
  receiveDigests({ firstBuffer, digests }: DigestsMessage, deliver: DigestListener): void {
    const { hasher, plan, surveyed, coverage } = this.#phase;
    const count = digests.byteLength / hasher.digestBytes;
    const first = surveyed.positionOf(firstBuffer);
    const end = surveyed.positionOf(firstBuffer + count);
    const isAllowed =
      Number.isInteger(count) &&
      // Without a gap, and nothing else.
      end - first === count &&
      first >= this.#donePosition &&
      end <= this.#donePosition + plan.windowBuffers;
    if (!isAllowed) throw new BasynError('protocol', 'The peer sent digests outside the window.');
    for (let position = first; position < end; position++) {
      const index = firstBuffer + position - first;
      if (this.#received.has(position)) {
        throw new BasynError('protocol', `The peer sent the digest of buffer ${index} twice.`);
      }
      this.#received.add(position);
      // What the target surveys may be rounded up.
      if (surveyed !== coverage && !isExamined(coverage, index)) continue;
      const start = (position - first) * hasher.digestBytes;
      const digest = digests.subarray(start, start + hasher.digestBytes);
      this.#phase.record?.verify(index, digest);
      deliver(index, digest);
    }
  }

  /** @throws {BasynError} `protocol`, where the answer belongs to no open request. */
  receiveAnswer(message: AnswerMessage): void {
    this.#asker.answer(message);
  }
}
