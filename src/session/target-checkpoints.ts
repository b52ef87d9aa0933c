import { monotonicMs } from '../clock.ts';
import { flush } from '../device/device.ts';
import { bufferCountOf } from '../digest/geometry.ts';
import { BasynError } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import { groupAfter, type FrameGroup } from '../protocol/frame-group.ts';
import type { CheckpointMessage } from '../protocol/messages.ts';
import type { Phase } from './phase.ts';
import type { TaskGroup } from './task-group.ts';
import type { Writer } from './transfer/writer.ts';

/** Checkpoints whose data is written. */
interface WrittenCheckpoints {
  /** The last one: it covers all others. */
  readonly last: CheckpointMessage;
  readonly count: number;
}

/**
 * The target's half of the checkpoints of a phase. A checkpoint is complete when its data is written. From time to time the
 * device is flushed, and everything that was complete by then is confirmed. Other data goes on arriving and being written.
 */
export class TargetCheckpoints {
  readonly #phase: Phase;
  readonly #channel: Channel;
  readonly #writer: Writer;
  readonly #tasks: TaskGroup;
  /** Those whose data is not written, in order. */
  readonly #incomplete: CheckpointMessage[] = [];
  /** Of the first of them, or of the next one to come. */
  #group: FrameGroup = 1;
  #lastBuffers: number;
  #written: WrittenCheckpoints | undefined;
  #unconfirmedCount = 0;
  #flush: Promise<void> | undefined;
  #flushedAtMs = monotonicMs();
  #intervalMs: number = tuning.firstCheckpointMs;
  #flushedBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(phase: Phase, channel: Channel, writer: Writer, tasks: TaskGroup) {
    this.#phase = phase;
    this.#channel = channel;
    this.#writer = writer;
    this.#tasks = tasks;
    this.#lastBuffers = phase.plan.fromBuffer ?? 0;
  }

  /** @throws {BasynError} `protocol`, if it is not allowed. */
  take(message: CheckpointMessage): void {
    const { plan, geometry } = this.#phase;
    const { doneBuffers } = message;
    const isAllowed =
      plan.checkpoints === true &&
      this.#unconfirmedCount < bounds.unconfirmedCheckpoints &&
      doneBuffers > this.#lastBuffers &&
      doneBuffers <= bufferCountOf(geometry);
    if (!isAllowed) throw new BasynError('protocol', 'The peer announced a checkpoint that is not allowed.');
    this.#lastBuffers = doneBuffers;
    this.#unconfirmedCount++;
    this.#incomplete.push(message);
    this.advance();
  }

  /**
   * Data has been written.
   *
   * @throws {BasynError} `protocol`, if a group has more data than was announced.
   */
  advance(): void {
    for (;;) {
      const [first] = this.#incomplete;
      if (first === undefined) break;
      const groupBytes = this.#writer.groupBytesOf(this.#group);
      if (groupBytes > first.dataBytes) {
        throw new BasynError('protocol', 'The peer sent more data than it announced for a checkpoint.');
      }
      if (groupBytes < first.dataBytes) break;
      this.#writer.endGroup(this.#group);
      this.#group = groupAfter(this.#group);
      this.#incomplete.shift();
      this.#written = { last: first, count: (this.#written?.count ?? 0) + 1 };
    }
    this.#flushIfDue();
  }

  /**
   * No further one follows, and all data of the phase is written. What is complete and not confirmed is covered by the end
   * of the phase.
   *
   * @throws {BasynError} the failure of a flush; `protocol`, if more data was announced.
   */
  async end(): Promise<void> {
    this.stop();
    if (this.#incomplete.length > 0) {
      throw new BasynError('protocol', 'The peer announced more data for a checkpoint than it sent.');
    }
    // The kernel reports a failed write to one flush only, which may be this one.
    await this.#flush;
  }

  /** Begins no further flush. */
  stop(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }

  #flushIfDue(): void {
    if (this.#written === undefined || this.#flush !== undefined || this.#hasEnded) return;
    const waitMs = this.#flushedAtMs + this.#intervalMs - monotonicMs();
    const isDue = waitMs <= 0 || this.#writer.settledBytes - this.#flushedBytes >= tuning.checkpointBytes;
    clearTimeout(this.#timer);
    if (!isDue) {
      this.#timer = setTimeout(() => this.#flushIfDue(), waitMs);
      return;
    }
    const written = this.#written;
    this.#written = undefined;
    this.#flush = this.#confirm(written);
    this.#tasks.spawn(this.#flush);
  }

  /** Flushes also what was found equal: it may come from a page cache. */
  async #confirm({ last, count }: WrittenCheckpoints): Promise<void> {
    const { plan, output, resumption } = this.#phase;
    this.#flushedBytes = this.#writer.settledBytes;
    const writes = plan.phase !== 'recheck' && !plan.dryRun;
    await (writes ? flush(output) : Promise.resolve());
    this.#flushedAtMs = monotonicMs();
    this.#intervalMs = Math.min(2 * this.#intervalMs, tuning.checkpointIntervalMs);
    this.#unconfirmedCount -= count;
    const { writtenBytes, releasedBytes } = this.#writer.total;
    const checkpoints = count === 1 ? {} : { checkpoints: count };
    this.#channel.send({ type: 'durable', writtenBytes, releasedBytes, ...checkpoints });
    resumption?.onDurable({ doneBuffers: last.doneBuffers, found: last, writtenBytes, releasedBytes });
    this.#flush = undefined;
    this.#flushIfDue();
  }
}
