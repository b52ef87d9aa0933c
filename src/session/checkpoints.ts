import { BasynError } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import type { DurableMessage } from '../protocol/messages.ts';
import type { Phase } from './phase.ts';
import type { Settled } from './settled.ts';
import type { Sender } from './transfer/sender.ts';

/** A checkpoint that the target has not confirmed. */
interface Checkpoint {
  readonly settled: Settled;
  /** What the sender had accepted. */
  readonly acceptedBytes: number;
}

/**
 * The source's half of the checkpoints of a phase. It announces which buffers are settled, right behind the data that they
 * needed. A checkpoint covers little data, so it arrives soon even on a slow link. The target decides when it flushes, and
 * then confirms all checkpoints that are complete.
 */
export class Checkpoints {
  readonly #phase: Phase;
  readonly #channel: Channel;
  readonly #sender: Sender;
  readonly #settled: () => Settled;
  #timer: NodeJS.Timeout | undefined;
  readonly #unconfirmed: Checkpoint[] = [];
  /** The first ones of them are announced: their data is handed over. */
  #announcedCount = 0;
  #lastBuffers: number;
  #lastAcceptedBytes = 0;
  #confirmedBytes = 0;

  /** @param settled what is settled at the moment of the call: all that differs in it has been accepted by the sender. */
  constructor(phase: Phase, channel: Channel, sender: Sender, settled: () => Settled) {
    this.#phase = phase;
    this.#channel = channel;
    this.#sender = sender;
    this.#settled = settled;
    this.#lastBuffers = phase.plan.fromBuffer ?? 0;
  }

  /** Begins to make checkpoints, if the plan asks for them. */
  start(): void {
    if (this.#phase.plan.checkpoints !== true) return;
    // Buffers that are equal need no data.
    this.#timer = setInterval(() => this.#make(), tuning.checkpointIntervalMs);
    this.#timer.unref();
  }

  /** Announces no further one. Answers to the last ones may still arrive. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * The sender has accepted data, or buffers are settled. The distance between checkpoints grows with the data that is not
   * confirmed: a fast link needs few of them, and a slow one has the first ones early.
   */
  advanced(): void {
    if (this.#timer === undefined) return;
    const { acceptedBytes } = this.#sender;
    const unconfirmedBytes = acceptedBytes - this.#confirmedBytes;
    const stepBytes = Math.max(tuning.checkpointStepBytes, unconfirmedBytes * checkpointShare);
    if (acceptedBytes - this.#lastAcceptedBytes >= stepBytes) this.#make();
  }

  /**
   * The target has answered.
   *
   * @throws {BasynError} `protocol`, if it confirms what was not announced.
   */
  durable({ checkpoints = 1, writtenBytes, releasedBytes }: DurableMessage): void {
    const last = this.#unconfirmed[checkpoints - 1];
    if (last === undefined || checkpoints > this.#announcedCount) {
      throw new BasynError('protocol', 'The peer confirmed a checkpoint that was not announced.');
    }
    this.#unconfirmed.splice(0, checkpoints);
    this.#announcedCount -= checkpoints;
    this.#confirmedBytes = last.acceptedBytes;
    this.#phase.resumption?.onDurable({ ...last.settled, writtenBytes, releasedBytes });
  }

  #make(): void {
    if (this.#unconfirmed.length === bounds.unconfirmedCheckpoints) return;
    const settled = this.#settled();
    if (settled.doneBuffers === this.#lastBuffers) return;
    const { acceptedBytes } = this.#sender;
    this.#lastBuffers = settled.doneBuffers;
    this.#lastAcceptedBytes = acceptedBytes;
    this.#unconfirmed.push({ settled, acceptedBytes });
    this.#sender.closeGroup((dataBytes) => this.#announce(settled, dataBytes));
  }

  #announce({ doneBuffers, found }: Settled, dataBytes: number): void {
    // The phase has ended meanwhile, or `finish` is on its way: nothing may follow it.
    if (this.#timer === undefined) return;
    this.#announcedCount++;
    this.#channel.send({ type: 'checkpoint', doneBuffers, dataBytes, ...found });
  }
}

/** The part of the data without a confirmation that may lie between two checkpoints. */
const checkpointShare = 1 / 8;
