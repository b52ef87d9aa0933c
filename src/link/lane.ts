import type { Readable, Writable } from 'node:stream';
import { monotonicMs } from '../clock.ts';
import { BasynError } from '../errors.ts';
import { limits } from '../limits.ts';
import { decodeMessage } from '../protocol/decode.ts';
import { encodeMessage } from '../protocol/encode.ts';
import { FrameDecoder, frameHeaderBytes } from '../protocol/frame.ts';
import type { Message } from '../protocol/messages.ts';
import type { PayloadMemory } from './payload-memory.ts';
import type { RateMeter } from './throughput-meter.ts';

/** What a lane tells its channel. */
export interface LaneListener {
  /** @param lengthBytes of its frame. */
  onMessage(message: Message, lengthBytes: number): void;
  /** No more will come. `error` says why, where it was not at the end of a frame or not by the other's wish. */
  onEnd(error: BasynError | undefined): void;
}

/** The two directions of a lane. A duplex stream is both. */
export interface LaneStreams {
  readonly readable: Readable;
  /** Has copied a chunk, or passed it on, when it calls back: the chunk's memory is used again then. */
  readonly writable: Writable;
  /** Given where `readable` reads straight into its room: then a chunk is valid only while it is being told. */
  readonly decoder?: FrameDecoder;
}

/**
 * A lane has a connection of its own, or a channel within the first one. The former takes a handshake, and is asked for a
 * key or a password again; the latter is there at once, but shares what one TCP connection can carry.
 */
export type LaneWay = 'own' | 'shared';

/** One stream of frames in each direction. */
export class Lane {
  readonly #readable: Readable;
  readonly #writable: Writable;
  readonly #decoder: FrameDecoder;
  readonly #rateMeter: RateMeter;
  #drained: Promise<void> | undefined;
  #writtenBytes = 0;
  #lastBytesAtMs = monotonicMs();
  #lastPayloadAtMs = -Infinity;
  #hasReceived = false;
  #substanceBytes = 0;

  constructor(
    { readable, writable, decoder }: LaneStreams,
    listener: LaneListener,
    rateMeter: RateMeter,
    memory: PayloadMemory,
  ) {
    this.#rateMeter = rateMeter;
    this.#decoder = decoder ?? new FrameDecoder(memory.forFrame);
    this.#readable = readable;
    this.#writable = writable;
    let ended = false;
    const end = (error: BasynError | undefined): void => {
      if (ended) return;
      ended = true;
      listener.onEnd(error);
    };
    readable.on('data', (bytes: Uint8Array) => {
      // After an error, what follows can't be understood; our own last message can still be sent.
      if (ended) return;
      this.touch();
      this.#hasReceived = true;
      this.#substanceBytes += bytes.byteLength;
      try {
        for (const frame of this.#decoder.push(bytes)) {
          if (frame.payload.byteLength > 0) this.#lastPayloadAtMs = monotonicMs();
          const message = decodeMessage(frame);
          if (isSignOfLife(message)) this.#substanceBytes -= frameHeaderBytes;
          listener.onMessage(message, frameHeaderBytes + frame.payload.byteLength);
        }
        if (this.#decoder.room !== undefined) this.#lastPayloadAtMs = monotonicMs();
      } catch (error) {
        end(BasynError.from(error));
      }
    });
    readable.on('end', () => end(this.#decoder.isIdle ? undefined : lost('in the middle of a message')));
    readable.on('error', (error) => end(lost(error.message)));
    readable.on('close', () => end(lost('without a word')));
    // Who can't be written to may have said why: the reason is then still on its way to us.
    const endLater = (error: BasynError): void =>
      void setTimeout(() => end(error), limits.laneEndGraceMs).unref();
    writable.on('error', (error) => endLater(lost(error.message)));
    writable.on('close', () => endLater(lost('without a word')));
    // Whoever read the hello before us has paused the stream behind it.
    readable.resume();
  }

  /** How long nothing has come: a part of a frame is a sign of life too. */
  get silentMs(): number {
    return monotonicMs() - this.#lastBytesAtMs;
  }

  /** How long no part of a payload has come: pings have none. */
  get withoutPayloadMs(): number {
    return monotonicMs() - this.#lastPayloadAtMs;
  }

  /** Whether any byte has come. */
  get hasReceived(): boolean {
    return this.#hasReceived;
  }

  /** Bytes that have come, without those that only say that the peer lives. A frame counts while it arrives, too. */
  get substanceBytes(): number {
    return this.#substanceBytes;
  }

  /** Lets the silence begin now. */
  touch(): void {
    this.#lastBytesAtMs = monotonicMs();
  }

  /** Bytes accepted and not yet handed to the system. */
  get queuedBytes(): number {
    return this.#writable.writableLength;
  }

  /**
   * Sends a message. Resolves when the lane has room for the next.
   *
   * @param onTaken is called when nothing of the message is needed any more.
   */
  send(message: Message, onTaken = nothingToDo): Promise<void> {
    const parts = encodeMessage(message);
    const last = parts.at(-1);
    const onWritten = (error?: Error | null): void => {
      if (!error) onTaken();
    };
    this.#writable.cork();
    let hasRoom = true;
    for (const part of parts) {
      hasRoom = this.#writable.write(part, part === last ? onWritten : undefined);
      this.#writtenBytes += part.byteLength;
    }
    this.#writable.uncork();
    if (hasRoom) return Promise.resolve();
    this.#drained ??= this.#nextDrain();
    return this.#drained;
  }

  #nextDrain(): Promise<void> {
    const startBytes = this.#writtenBytes - this.#writable.writableLength;
    // What fills the buffers on the way says nothing of the link.
    const isMeasured = startBytes >= limits.laneBufferBytes;
    if (isMeasured) this.#rateMeter.waitBegins();
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#drained = undefined;
        const takenBytes = this.#writtenBytes - this.#writable.writableLength - startBytes;
        if (isMeasured) this.#rateMeter.waitEnds(takenBytes);
        this.#writable.off('drain', settle).off('close', settle);
        resolve();
      };
      this.#writable.on('drain', settle).on('close', settle);
    });
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
}

/** Messages that a side sends now and then, whether the run makes progress or not. */
function isSignOfLife({ type }: Message): boolean {
  return type === 'ping' || type === 'pong' || type === 'working';
}

const nothingToDo = (): void => undefined;

function lost(how: string): BasynError {
  return new BasynError('connection', `The connection to the other side ended: ${how}.`);
}
