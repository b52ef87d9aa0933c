import type { Readable, Writable } from 'node:stream';
import { monotonicMs } from '../clock.ts';
import { BasynError } from '../errors.ts';
import { bounds, tuning } from '../limits.ts';
import { decodeMessage } from '../protocol/decode.ts';
import { encodeMessage } from '../protocol/encode.ts';
import { FrameDecoder, frameHeaderBytes } from '../protocol/frame.ts';
import type { Message } from '../protocol/messages.ts';
import type { MessageTrace } from './message-trace.ts';
import type { PayloadMemory } from './payload-memory.ts';
import type { ThroughputMeter } from './throughput-meter.ts';

/** Receives what arrives on a lane. */
export interface LaneListener {
  /** @param frameBytes of its frame, with the header. */
  onMessage(message: Message, frameBytes: number): void;
  /** Nothing further arrives. `error` is undefined where the peer ended the stream between two frames. */
  onEnd(error: BasynError | undefined): void;
}

/** The two directions of a lane. A duplex stream is both. */
export interface LaneStreams {
  readonly readable: Readable;
  /** When it calls back, it has copied the chunk or passed it on: the chunk's memory is then used again. */
  readonly writable: Writable;
  /** Present where `readable` reads straight into the decoder's room: a chunk is then valid only during its event. */
  readonly decoder?: FrameDecoder;
}

/** What a lane shares with the other lanes of its link. */
export interface LaneContext {
  readonly meter: ThroughputMeter;
  readonly memory: PayloadMemory;
  /** Undefined where no trace was asked for. */
  readonly trace: MessageTrace | undefined;
}

/** One stream of frames in each direction. */
export class Lane {
  readonly #readable: Readable;
  readonly #writable: Writable;
  readonly #decoder: FrameDecoder;
  readonly #listener: LaneListener;
  readonly #meter: ThroughputMeter;
  readonly #trace: MessageTrace | undefined;
  #hasEnded = false;
  #drained: Promise<void> | undefined;
  #writtenBytes = 0;
  #lastBytesAtMs = monotonicMs();
  #lastPayloadAtMs = -Infinity;
  #hasReceived = false;
  #substanceBytes = 0;

  constructor({ readable, writable, decoder }: LaneStreams, listener: LaneListener, context: LaneContext) {
    this.#listener = listener;
    this.#meter = context.meter;
    this.#trace = context.trace;
    this.#decoder = decoder ?? new FrameDecoder(context.memory.forFrame);
    this.#readable = readable;
    this.#writable = writable;
    readable.on('data', (bytes: Uint8Array) => this.#receive(bytes));
    readable.on('end', () =>
      this.#end(this.#decoder.isIdle ? undefined : lost('ended in the middle of a message')),
    );
    readable.on('error', (error) => this.#end(lost(`failed: ${error.message}`)));
    readable.on('close', () => this.#end(lost('ended unexpectedly')));
    writable.on('error', (error) => this.#endLater(lost(`failed: ${error.message}`)));
    writable.on('close', () => this.#endLater(lost('ended unexpectedly')));
    // The reader of the banner has paused the stream just behind it.
    readable.resume();
  }

  /** The time since the last byte arrived: a part of a frame is a sign of life, too. */
  get silentMs(): number {
    return monotonicMs() - this.#lastBytesAtMs;
  }

  /** The time since the last part of a payload arrived. Pings have no payload. */
  get withoutPayloadMs(): number {
    return monotonicMs() - this.#lastPayloadAtMs;
  }

  /** Whether any byte has arrived. */
  get hasReceived(): boolean {
    return this.#hasReceived;
  }

  /** Bytes that have arrived, apart from signs of life. An incomplete frame counts as well. */
  get substanceBytes(): number {
    return this.#substanceBytes;
  }

  /** Bytes accepted and not yet handed to the system. */
  get queuedBytes(): number {
    return this.#writable.writableLength;
  }

  /** Whether as much as a data frame waits to be handed to the system. */
  get isFull(): boolean {
    return this.#drained !== undefined && this.queuedBytes >= bounds.dataFrameBytes;
  }

  /** Resolves when the system has taken everything that was accepted before, or when the lane has ended. */
  get drained(): Promise<void> {
    return this.#drained ?? Promise.resolve();
  }

  /** Restarts the measurement of silence. */
  touch(): void {
    this.#lastBytesAtMs = monotonicMs();
  }

  /**
   * Sends a message. Resolves when the lane has room for the next.
   *
   * @param onTaken is called when the message's memory is free again.
   */
  send(message: Message, onTaken = nothingToDo): Promise<void> {
    const parts = encodeMessage(message);
    const last = parts.at(-1);
    const onWritten = (error?: Error | null): void => {
      if (!error) onTaken();
    };
    const startBytes = this.#writtenBytes;
    this.#writable.cork();
    let hasRoom = true;
    for (const part of parts) {
      hasRoom = this.#writable.write(part, part === last ? onWritten : undefined);
      this.#writtenBytes += part.byteLength;
    }
    this.#writable.uncork();
    this.#trace?.('sent', message, this.#writtenBytes - startBytes);
    if (hasRoom) return Promise.resolve();
    this.#drained ??= this.#nextDrain();
    return this.#drained;
  }

  pause(): void {
    this.#readable.pause();
  }

  resume(): void {
    this.#readable.resume();
  }

  /** Sends what is queued, then the end of the stream. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#writable.closed || this.#writable.writableFinished) {
        resolve();
        return;
      }
      this.#writable.once('finish', resolve).once('close', resolve);
      this.#writable.end();
    });
  }

  destroy(): void {
    this.#readable.destroy();
    this.#writable.destroy();
  }

  #receive(bytes: Uint8Array): void {
    // After an error, the rest of the stream cannot be decoded. Our own last message can still be sent.
    if (this.#hasEnded) return;
    this.touch();
    this.#hasReceived = true;
    this.#substanceBytes += bytes.byteLength;
    try {
      for (const frame of this.#decoder.push(bytes)) {
        if (frame.payload.byteLength > 0) this.#lastPayloadAtMs = monotonicMs();
        const message = decodeMessage(frame);
        const frameBytes = frameHeaderBytes + frame.payload.byteLength;
        if (isSignOfLife(message)) this.#substanceBytes -= frameHeaderBytes;
        this.#trace?.('received', message, frameBytes);
        this.#listener.onMessage(message, frameBytes);
      }
      if (this.#decoder.room !== undefined) this.#lastPayloadAtMs = monotonicMs();
    } catch (error) {
      this.#end(BasynError.from(error));
    }
  }

  #nextDrain(): Promise<void> {
    const startBytes = this.#writtenBytes - this.#writable.writableLength;
    // What only fills the buffers of the path does not show the throughput of the link.
    const isMeasured = startBytes >= tuning.laneBufferBytes;
    if (isMeasured) this.#meter.waitBegins();
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#drained = undefined;
        const takenBytes = this.#writtenBytes - this.#writable.writableLength - startBytes;
        if (isMeasured) this.#meter.waitEnds(takenBytes);
        this.#writable.off('drain', settle).off('close', settle);
        resolve();
      };
      this.#writable.on('drain', settle).on('close', settle);
    });
  }

  /** A peer that closes its end may have sent the reason, which has not arrived yet. */
  #endLater(error: BasynError): void {
    setTimeout(() => this.#end(error), bounds.laneEndGraceMs).unref();
  }

  #end(error: BasynError | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#listener.onEnd(error);
  }
}

/** Messages that a side sends periodically, whether the run makes progress or not. */
function isSignOfLife({ type }: Message): boolean {
  return type === 'ping' || type === 'pong' || type === 'working';
}

const nothingToDo = (): void => undefined;

function lost(how: string): BasynError {
  return new BasynError('connection', `The connection to the peer ${how}.`, { retryable: true });
}
