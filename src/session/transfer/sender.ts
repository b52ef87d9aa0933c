import type { CompressionSetting } from '../../codec/encoding.ts';
import { cut, joinNeighbours, totalBytes, type Extent } from '../../digest/extent.ts';
import { bounds, tuning } from '../../limits.ts';
import type { Channel } from '../../link/channel.ts';
import { Credit } from '../../protocol/credit.ts';
import type { WrittenMessage } from '../../protocol/messages.ts';
import type { Trace } from '../../trace.ts';
import type { CompressionControl } from './compression-control.ts';
import type { Phase } from '../phase.ts';
import type { TaskGroup } from '../task-group.ts';

/** The source's half of the transfer: takes ranges and sends data frames, within the window that the target confirms. */
export class Sender {
  readonly #phase: Phase;
  readonly #channel: Channel;
  readonly #tasks: TaskGroup;
  readonly #control: CompressionControl;
  /** Bytes of ranges that wait to be read. */
  readonly #room = new Credit(bounds.sendQueueBytes);
  /** Bytes read or sent, and not yet confirmed as written. */
  readonly #window = new Credit(bounds.dataWindowBytes);
  readonly #frames = new Credit(tuning.firstFrames);
  #isLinkKnown = false;
  readonly #queue: Extent[] = [];
  #tracedSetting = '';
  #isPumping = false;
  #queuedBytes = 0;
  #handedOverBytes = 0;
  #writtenBytes = 0;
  #onIdle: (() => void) | undefined;

  constructor(phase: Phase, channel: Channel, tasks: TaskGroup, control: CompressionControl) {
    this.#phase = phase;
    this.#channel = channel;
    this.#tasks = tasks;
    this.#control = control;
  }

  /** Device bytes accepted for sending so far. */
  get acceptedBytes(): number {
    return this.#queuedBytes;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Takes ranges to be sent. Resolves when there is room for more. */
  async send(extents: readonly Extent[]): Promise<void> {
    for (const frame of framesOf(extents)) {
      const lengthBytes = totalBytes(frame);
      await this.#room.acquire(lengthBytes);
      this.#queue.push(...frame);
      this.#queuedBytes += lengthBytes;
      if (!this.#isPumping) this.#tasks.spawn(this.#pump());
    }
  }

  /**
   * The target has confirmed a write.
   *
   * @throws {BasynError} `protocol`, where it confirms data that was not sent.
   */
  written({ writtenBytes, payloadBytes }: WrittenMessage): void {
    this.#channel.confirmed({ writtenBytes, payloadBytes });
    this.#writtenBytes += writtenBytes;
    this.#window.release(writtenBytes);
  }

  /** Resolves when all accepted ranges are handed over to the channel. */
  async flushed(): Promise<void> {
    if (this.#handedOverBytes === this.#queuedBytes) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    while (this.#queue.length > 0) {
      await this.#frames.acquire(1);
      const extents = this.#takeFrame();
      const lengthBytes = totalBytes(extents);
      this.#room.release(lengthBytes);
      await this.#window.acquire(lengthBytes);
      this.#tasks.spawn(this.#sendFrame(extents, lengthBytes));
    }
    this.#isPumping = false;
  }

  /** As many of the waiting ranges as one frame holds. Neighbours share a read, and a write at the target. */
  #takeFrame(): readonly Extent[] {
    const [frame = []] = framesOf(this.#queue);
    this.#queue.splice(0, frame.length);
    return joinNeighbours(frame);
  }

  /** Until the speed of the link is known, few frames are sent: their compression is a guess. */
  #learnLink(): void {
    if (this.#isLinkKnown || this.#channel.throughput.bytesPerMs === undefined) return;
    this.#isLinkKnown = true;
    this.#frames.release(tuning.framesUnderWay - tuning.firstFrames);
  }

  #traceChange({ encoding, level }: CompressionSetting, trace: Trace): void {
    const setting = encoding === 'none' ? 'none' : `${encoding} level ${level}`;
    if (setting === this.#tracedSetting) return;
    this.#tracedSetting = setting;
    const { bytesPerMs } = this.#channel.throughput;
    const rate = bytesPerMs === undefined ? 'not measured yet' : `${(bytesPerMs / 1000).toFixed(1)} MB/s`;
    trace(`decision: compression ${setting}; throughput of the link: ${rate}`);
  }

  async #sendFrame(extents: readonly Extent[], lengthBytes: number): Promise<void> {
    const { output: device, runner } = this.#phase;
    const setting = this.#control.next(this.#channel.throughput, runner.parallelism);
    if (this.#phase.trace !== undefined) this.#traceChange(setting, this.#phase.trace);
    const room = this.#channel.memory.take(lengthBytes);
    const result = await runner.run({ kind: 'read', device, extents, setting, memory: room }, 'now');
    const { encoding, digest, payload, encodeMs, memory } = result;
    const payloadBytes = payload.byteLength;
    this.#control.observe({ setting, encoding, lengthBytes, payloadBytes, encodeMs });
    const message = { type: 'data', extents, encoding, digest, payload } as const;
    const { drained } = await this.#channel.sendData(message, () => this.#channel.memory.giveBack(memory));
    this.#handedOverBytes += lengthBytes;
    await drained;
    this.#learnLink();
    this.#frames.release(1);
    if (this.#handedOverBytes === this.#queuedBytes) this.#onIdle?.();
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
