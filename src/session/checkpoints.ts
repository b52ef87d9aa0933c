import { monotonicMs } from '../clock.ts';
import { BasynError } from '../errors.ts';
import { tuning } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import type { DurableMessage } from '../protocol/messages.ts';
import type { Phase } from './phase.ts';
import type { Settled } from './settled.ts';
import type { Sender } from './transfer/sender.ts';

/**
 * The source's half of the checkpoints of a phase. From time to time it announces which buffers are settled. The target
 * answers when everything that they needed is written and flushed. At most one checkpoint is under way, and the transfer
 * goes on meanwhile.
 */
export class Checkpoints {
  readonly #phase: Phase;
  readonly #channel: Channel;
  readonly #sender: Sender;
  readonly #settled: () => Settled;
  #timer: NodeJS.Timeout | undefined;
  #isUnderWay = false;
  #lastBuffers: number;
  #lastAtMs = monotonicMs();
  #lastAcceptedBytes = 0;
  #announced: Settled | undefined;

  /** @param settled what is settled at the moment of the call: all that differs in it has been accepted by the sender. */
  constructor(phase: Phase, channel: Channel, sender: Sender, settled: () => Settled) {
    this.#phase = phase;
    this.#channel = channel;
    this.#sender = sender;
    this.#settled = settled;
    this.#lastBuffers = phase.plan.fromBuffer ?? 0;
  }

  /** Begins to make checkpoints, where the plan asks for them. */
  start(): void {
    if (this.#phase.plan.checkpoints !== true) return;
    this.#timer = setInterval(() => void this.#make(), tuning.checkpointPollMs);
    this.#timer.unref();
  }

  /** Announces no further one. The answer to the last one may still arrive. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * The target has answered.
   *
   * @throws {BasynError} `protocol`, where nothing was announced.
   */
  durable({ writtenBytes, releasedBytes }: DurableMessage): void {
    const announced = this.#announced;
    if (announced === undefined) {
      throw new BasynError('protocol', 'The peer confirmed a checkpoint that was not announced.');
    }
    this.#announced = undefined;
    this.#isUnderWay = false;
    this.#phase.resumption?.onDurable({ ...announced, writtenBytes, releasedBytes });
  }

  async #make(): Promise<void> {
    const acceptedBytes = this.#sender.acceptedBytes;
    const isDue =
      monotonicMs() - this.#lastAtMs >= tuning.checkpointIntervalMs ||
      acceptedBytes - this.#lastAcceptedBytes >= tuning.checkpointBytes;
    if (this.#isUnderWay || !isDue) return;
    // The group below has at least the ranges that are accepted now.
    const settled = this.#settled();
    if (settled.doneBuffers === this.#lastBuffers) return;
    this.#isUnderWay = true;
    this.#lastBuffers = settled.doneBuffers;
    this.#lastAtMs = monotonicMs();
    this.#lastAcceptedBytes = acceptedBytes;
    const dataBytes = await this.#sender.closeGroup();
    // The phase has ended meanwhile, or `finish` is on its way: nothing may follow it.
    if (this.#timer === undefined) return;
    this.#announced = settled;
    const { doneBuffers, found } = settled;
    this.#channel.send({ type: 'checkpoint', doneBuffers, dataBytes, ...found });
  }
}
