import { totalBytes } from '../digest/extent.ts';
import { BasynError } from '../errors.ts';
import type { DataMessage, WrittenMessage } from '../protocol/messages.ts';
import { windowBytesOf } from '../protocol/window-bytes.ts';
import { NearWindow } from './near-window.ts';

/**
 * The data frames in flight: sent, and not yet confirmed by the peer's `written`. Where the round trip is short, it
 * bounds their payload. Elsewhere the lanes themselves hold the sender back.
 */
export class SendWindow {
  #deviceBytes = 0;
  #payloadBytes = 0;
  #windowBytes = 0;
  #near: NearWindow | undefined;

  /** Bounds the payload in flight from now on, because the round trip is short. */
  limit(): void {
    this.#near ??= new NearWindow();
  }

  /** Throughput, where this window limits the sender. Undefined where it does not, or before it has been measured. */
  get near(): Pick<NearWindow, 'bytesPerMs'> | undefined {
    return this.#near;
  }

  get isEmpty(): boolean {
    return this.#payloadBytes === 0;
  }

  /** Resolves when a payload of this size may be sent. */
  async enter(payloadBytes: number): Promise<void> {
    await this.#near?.enter(payloadBytes);
  }

  /** The message goes out now. */
  sent({ extents, encoding, payload }: DataMessage): void {
    const lengthBytes = totalBytes(extents);
    this.#deviceBytes += lengthBytes;
    this.#windowBytes += windowBytesOf(encoding, lengthBytes);
    this.#payloadBytes += payload.byteLength;
  }

  /**
   * The peer has written some of the data in flight.
   *
   * @throws {BasynError} `protocol`, where the peer confirms what it cannot have written.
   */
  confirm({ writtenBytes, payloadBytes, windowBytes = writtenBytes }: Omit<WrittenMessage, 'type'>): void {
    if (writtenBytes > this.#deviceBytes) throw impossible('more data than it was sent');
    if (payloadBytes > this.#payloadBytes) throw impossible('more payload than it was sent');
    if (windowBytes > this.#windowBytes) throw impossible('more of the window than it was sent');
    this.#deviceBytes -= writtenBytes;
    this.#payloadBytes -= payloadBytes;
    this.#windowBytes -= windowBytes;
    if (this.#deviceBytes === 0 && (this.#payloadBytes > 0 || this.#windowBytes > 0)) {
      throw impossible('all data, but not all of the payload that carried it');
    }
    this.#near?.leave(payloadBytes);
  }
}

function impossible(what: string): BasynError {
  return new BasynError('protocol', `The peer confirmed ${what}.`);
}
