import { totalBytes } from '../../digest/extent.ts';
import { BasynError } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import type { Channel } from '../../link/channel.ts';
import type { FrameGroup } from '../../protocol/frame-group.ts';
import type { DataMessage } from '../../protocol/messages.ts';
import { windowBytesOf } from '../../protocol/window-bytes.ts';
import { announceChange } from '../contents.ts';
import type { Phase } from '../phase.ts';
import type { TaskGroup } from '../task-group.ts';
import { TargetZeros, type SettledBytes } from './target-zeros.ts';

/** The target's half of the transfer: takes data frames and writes their ranges. */
export class Writer {
  readonly #phase: Phase;
  readonly #channel: Channel;
  readonly #tasks: TaskGroup;
  readonly #writes = new Set<Promise<void>>();
  readonly #zeros: TargetZeros;
  /** Device bytes that are written, of each group of frames. */
  readonly #groupBytes = new Map<FrameGroup, number>();
  #receivedBytes = 0;
  #settledBytes = 0;
  /** What is received and not written, as the window counts it. */
  #windowBytes = 0;
  #furthestBytes = 0;

  constructor(phase: Phase, channel: Channel, tasks: TaskGroup) {
    this.#phase = phase;
    this.#channel = channel;
    this.#tasks = tasks;
    const { output: target, disk, runner } = phase;
    this.#zeros = new TargetZeros({ target, disk, runner });
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Received bytes that the target now has, whether it had to write them or not. */
  get settledBytes(): number {
    return this.#settledBytes;
  }

  /** End of the written range that is furthest behind the start of the device. */
  get furthestBytes(): number {
    return this.#furthestBytes;
  }

  /** What happened to the settled bytes. */
  get total(): SettledBytes {
    return this.#zeros.total;
  }

  get notes(): readonly string[] {
    return this.#zeros.notes;
  }

  /** Ends what the writes needed. Call it before the final flush, and after a failure. */
  close(): Promise<void> {
    return this.#zeros.close();
  }

  /**
   * Takes a data frame.
   *
   * @param onWritten is called once this frame is written.
   * @throws {BasynError} `protocol`, where the frame reaches outside the plan or exceeds the window.
   */
  data(message: DataMessage, onWritten: () => void): void {
    const lengthBytes = totalBytes(message.extents);
    const { plan, resumption } = this.#phase;
    if (plan.phase === 'recheck' || plan.dryRun) {
      throw new BasynError('protocol', 'The peer sent data in a phase that writes nothing.');
    }
    if (message.extents.some((extent) => extent.offsetBytes + extent.lengthBytes > plan.sizeBytes)) {
      throw new BasynError('protocol', `The peer sent data past the ${plan.sizeBytes} bytes of the run.`);
    }
    if ((plan.checkpoints === true) !== (message.group !== undefined)) {
      throw new BasynError('protocol', 'The peer sent data whose group does not fit the phase.');
    }
    if (lengthBytes > (message.encoding === 'zero' ? bounds.zeroFrameBytes : bounds.dataFrameBytes)) {
      throw new BasynError('protocol', `The peer sent a data frame of ${lengthBytes} bytes.`);
    }
    if (message.payload.byteLength > lengthBytes) {
      throw new BasynError(
        'protocol',
        `The peer sent ${message.payload.byteLength} bytes of payload for ${lengthBytes} bytes of data.`,
      );
    }
    this.#receivedBytes += lengthBytes;
    resumption?.onMoved(lengthBytes);
    this.#phase.times?.exchange.begin(lengthBytes);
    this.#phase.facts?.('moving', message.extents);
    if (message.encoding === 'zero') this.#phase.facts?.('zero', message.extents);
    this.#windowBytes += windowBytesOf(message.encoding, lengthBytes);
    if (this.#windowBytes > bounds.dataWindowBytes) {
      throw new BasynError('protocol', 'The peer sent more data than the window allows.');
    }
    const write = this.#write(message, lengthBytes).then(onWritten);
    this.#writes.add(write);
    // A write that fails stays in the set, so `settled` can never resolve after it.
    this.#tasks.spawn(write.then(() => this.#writes.delete(write)));
  }

  /**
   * Resolves when everything received so far is written. Call it when all data has been received.
   *
   * @throws {BasynError} the first failure of a write.
   */
  async settled(): Promise<void> {
    await Promise.all(this.#writes);
  }

  /** Device bytes of a group of frames that are written. */
  groupBytesOf(group: FrameGroup): number {
    return this.#groupBytes.get(group) ?? 0;
  }

  /** The group is complete. Its number will be used again. */
  endGroup(group: FrameGroup): void {
    this.#groupBytes.delete(group);
  }

  async #write(
    { extents, encoding, digest, payload, group }: DataMessage,
    lengthBytes: number,
  ): Promise<void> {
    const { output: device, runner, zeros, record, geometry, cacheRelease } = this.#phase;
    if (record !== undefined) await announceChange(record, extents, geometry);
    const job = { kind: 'write', device, extents, encoding, digest, payload, zeros } as const;
    const done = await runner.run(job, 'now');
    const payloadBytes = done.payload.byteLength;
    this.#channel.memory.giveBack(done.payload);
    const writtenBytes = await this.#zeros.settle(done);
    if (cacheRelease !== undefined) await this.#channel.working(cacheRelease.passed(writtenBytes));
    const windowBytes = windowBytesOf(encoding, lengthBytes);
    this.#windowBytes -= windowBytes;
    this.#settledBytes += lengthBytes;
    const ends = extents.map((extent) => extent.offsetBytes + extent.lengthBytes);
    this.#furthestBytes = Math.max(this.#furthestBytes, ...ends);
    if (group !== undefined) this.#groupBytes.set(group, this.groupBytesOf(group) + lengthBytes);
    this.#channel.send({ type: 'written', writtenBytes: lengthBytes, payloadBytes, windowBytes });
    this.#phase.times?.exchange.end(lengthBytes);
  }
}
