import type { CompressionSetting } from '../../codec/encoding.ts';
import { cut, joinNeighbours, totalBytes, without, type Extent } from '../../digest/extent.ts';
import { loadFrameDigest } from '../../digest/frame-digest.ts';
import { bounds, tuning } from '../../limits.ts';
import type { Channel } from '../../link/channel.ts';
import { Credit } from '../../protocol/credit.ts';
import type { FrameGroup } from '../../protocol/frame-group.ts';
import type { DataMessage, WrittenMessage } from '../../protocol/messages.ts';
import { windowBytesOf } from '../../protocol/window-bytes.ts';
import type { Trace } from '../../trace.ts';
import type { ReadResult } from '../../workers/jobs.ts';
import type { CompressionControl } from './compression-control.ts';
import { FrameGroups, type GroupListener } from './frame-groups.ts';
import { OrderedTurns } from './ordered-turns.ts';
import type { Phase } from '../phase.ts';
import type { TaskGroup } from '../task-group.ts';

/** A frame that has been read. */
interface ReadFrame {
  readonly extents: readonly Extent[];
  readonly lengthBytes: number;
  readonly setting: CompressionSetting;
  readonly result: ReadResult;
  readonly giveBack: () => void;
  readonly place: FramePlace;
}

/** Where a frame belongs. */
interface FramePlace {
  readonly group: FrameGroup;
  /** Frames before it in the order of their ranges. */
  readonly number: number;
}

/** The source's half of the transfer: takes ranges and sends data frames, within the window that the target confirms. */
export class Sender {
  readonly #phase: Phase;
  readonly #channel: Channel;
  readonly #tasks: TaskGroup;
  readonly #control: CompressionControl;
  /** Bytes of ranges that wait to be read. */
  readonly #room = new Credit(bounds.sendQueueBytes);
  /** Bytes read or sent, and not yet confirmed as written. Zeros count as {@link windowBytesOf} says. */
  readonly #window = new Credit(bounds.dataWindowBytes);
  readonly #frames = new Credit(tuning.framesUnderWay);
  readonly #turns = new OrderedTurns();
  readonly #laneTurns = new OrderedTurns();
  readonly #queue: Extent[] = [];
  readonly #groups = new FrameGroups();
  #frameCount = 0;
  #tracedSetting = '';
  #isPumping = false;
  #queuedBytes = 0;
  /** Those of them that {@link sendZeros} has accepted. They do not wait in the queue. */
  #zeroBytes = 0;
  #handedOverBytes = 0;
  #writtenBytes = 0;
  #skippedBytes = 0;
  #onIdle: (() => void) | undefined;

  constructor(phase: Phase, channel: Channel, tasks: TaskGroup, control: CompressionControl) {
    this.#phase = phase;
    this.#channel = channel;
    this.#tasks = tasks;
    this.#control = control;
  }

  /** Device bytes accepted for sending so far, without those that turned out to be unreadable. */
  get acceptedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether the target has confirmed all that it was sent. */
  get isConfirmed(): boolean {
    return this.#writtenBytes === this.#queuedBytes;
  }

  /** Device bytes that need no further work: written, or unreadable. */
  get settledBytes(): number {
    return this.#writtenBytes + this.#skippedBytes;
  }

  /**
   * Takes ranges to be sent, those with the lowest offsets first if several calls wait. Resolves when all of them are
   * accepted.
   */
  send(extents: readonly Extent[]): Promise<void> {
    const [first] = extents;
    if (first === undefined) return Promise.resolve();
    return this.#turns.take(first.offsetBytes, () => this.#accept(extents));
  }

  async #accept(extents: readonly Extent[]): Promise<void> {
    for (const frame of framesOf(extents)) {
      const lengthBytes = totalBytes(frame);
      await this.#room.acquire(lengthBytes);
      this.#queue.push(...frame);
      this.#queuedBytes += lengthBytes;
      if (!this.#isPumping) this.#tasks.spawn(this.#pump());
    }
  }

  /**
   * Sends ranges that are known to be zero, in one frame.
   *
   * @param extents at most `bounds.dataFrameExtents`, of `bounds.zeroFrameBytes` together.
   */
  async sendZeros(extents: readonly Extent[]): Promise<void> {
    const lengthBytes = totalBytes(extents);
    await this.#window.acquire(windowBytesOf('zero', lengthBytes));
    this.#queuedBytes += lengthBytes;
    this.#zeroBytes += lengthBytes;
    const place = { group: this.#groups.join(), number: this.#frameCount++ };
    const digest = (await loadFrameDigest())(extents).digest();
    const payload = new Uint8Array(0);
    await this.#handOver({ extents, encoding: 'zero', digest, payload }, place);
  }

  /**
   * The target has confirmed a write.
   *
   * @throws {BasynError} `protocol`, where it confirms data that was not sent.
   */
  written(message: WrittenMessage): void {
    const { writtenBytes, windowBytes = writtenBytes } = message;
    this.#channel.confirmed(message);
    this.#phase.times?.data.end(writtenBytes);
    this.#phase.times?.exchange.end(writtenBytes);
    this.#writtenBytes += writtenBytes;
    this.#window.release(windowBytes);
  }

  /** Resolves when all accepted ranges are handed over to the channel. */
  async flushed(): Promise<void> {
    if (this.#handedOverBytes === this.#queuedBytes) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Closes a group of frames behind those that carry what is accepted now. */
  closeGroup(onHandedOver: GroupListener): void {
    this.#groups.close(this.#queuedBytes + this.#skippedBytes - this.#zeroBytes, onHandedOver);
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    while (this.#queue.length > 0) {
      await this.#frames.acquire(1);
      const extents = this.#takeFrame();
      const lengthBytes = totalBytes(extents);
      const place = { group: this.#groups.take(lengthBytes), number: this.#frameCount++ };
      this.#room.release(lengthBytes);
      await this.#window.acquire(lengthBytes);
      this.#tasks.spawn(this.#sendFrame(extents, lengthBytes, place));
    }
    this.#isPumping = false;
  }

  /** As many of the waiting ranges as one frame holds. Neighbours share a read, and a write at the target. */
  #takeFrame(): readonly Extent[] {
    const [frame = []] = framesOf(this.#queue);
    this.#queue.splice(0, frame.length);
    return joinNeighbours(frame);
  }

  #traceChange({ encoding, level }: CompressionSetting, trace: Trace): void {
    const setting = encoding === 'none' ? 'none' : `${encoding} level ${level}`;
    if (setting === this.#tracedSetting) return;
    this.#tracedSetting = setting;
    const { bytesPerMs } = this.#channel.speed;
    const rate = bytesPerMs === undefined ? 'not measured yet' : `${(bytesPerMs / 1000).toFixed(1)} MB/s`;
    trace(`decision: compression ${setting}; throughput of the link: ${rate}`);
  }

  async #sendFrame(extents: readonly Extent[], lengthBytes: number, place: FramePlace): Promise<void> {
    const { output: device, runner, cacheRelease } = this.#phase;
    const setting = this.#control.next(this.#channel.speed, runner.parallelism);
    if (this.#phase.trace !== undefined) this.#traceChange(setting, this.#phase.trace);
    const room = this.#channel.memory.take(lengthBytes);
    const result = await runner.run({ kind: 'read', device, extents, setting, memory: room }, 'now');
    if (device.access === 'buffered') await cacheRelease?.passed(lengthBytes);
    const readable = without(extents, result.unreadable ?? []);
    const readBytes = totalBytes(readable);
    this.#skip(lengthBytes - readBytes);
    const giveBack = (): void => this.#channel.memory.giveBack(result.memory);
    if (readBytes > 0) {
      await this.#sendRead({ extents: readable, lengthBytes: readBytes, setting, result, giveBack, place });
    } else {
      giveBack();
      this.#groups.handedOver(place.group, 0);
    }
    this.#frames.release(1);
    if (this.#handedOverBytes === this.#queuedBytes) this.#onIdle?.();
  }

  /** Bytes that were accepted can't be read. Nobody waits for them. */
  #skip(lengthBytes: number): void {
    if (lengthBytes === 0) return;
    this.#skippedBytes += lengthBytes;
    this.#queuedBytes -= lengthBytes;
    this.#window.release(lengthBytes);
  }

  async #sendRead({ extents, lengthBytes, setting, result, giveBack, place }: ReadFrame): Promise<void> {
    const { encoding, digest, payload, encodeMs } = result;
    const payloadBytes = payload.byteLength;
    this.#control.observe({ setting, encoding, lengthBytes, payloadBytes, encodeMs });
    this.#window.release(lengthBytes - windowBytesOf(encoding, lengthBytes));
    await this.#handOver({ extents, encoding, digest, payload }, place, giveBack);
  }

  /**
   * Hands a frame to the channel. Resolves when there is room for the next one. A phase with checkpoints names the group,
   * and sends the frames in order, with short queues: on a slow link, a checkpoint must not wait for what lies behind it.
   */
  async #handOver(
    frame: Omit<DataMessage, 'type' | 'group'>,
    { group, number }: FramePlace,
    onTaken?: () => void,
  ): Promise<void> {
    const lengthBytes = totalBytes(frame.extents);
    this.#phase.times?.data.begin(lengthBytes);
    this.#phase.times?.exchange.begin(lengthBytes);
    if (frame.encoding === 'zero') this.#phase.facts?.('zero', frame.extents);
    const channel = this.#channel;
    const { drained } = await (this.#phase.plan.checkpoints !== true
      ? channel.sendData({ type: 'data', ...frame }, onTaken)
      : this.#laneTurns.take(number, async () => {
          await channel.laneRoom();
          return channel.sendData({ type: 'data', ...frame, group }, onTaken);
        }));
    this.#handedOverBytes += lengthBytes;
    this.#groups.handedOver(group, lengthBytes);
    this.#phase.resumption?.onMoved(lengthBytes);
    await drained;
  }
}

/** Groups the ranges, in their order, into data frames. Longer ranges are cut. */
function* framesOf(extents: readonly Extent[]): Generator<Extent[]> {
  let frame: Extent[] = [];
  let lengthBytes = 0;
  for (const extent of extents) {
    for (const part of cut(extent, bounds.dataFrameBytes)) {
      lengthBytes += part.lengthBytes;
      if (lengthBytes > bounds.dataFrameBytes || frame.length === bounds.dataFrameExtents) {
        yield frame;
        frame = [];
        lengthBytes = part.lengthBytes;
      }
      frame.push(part);
    }
  }
  if (frame.length > 0) yield frame;
}
