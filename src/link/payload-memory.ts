import { bounds, tuning } from '../limits.ts';
import { newMemory, type MemoryFor } from '../protocol/frame.ts';
import { typeNumbers } from '../protocol/messages.ts';

/**
 * Memory for the payloads of data frames, used again and again. New memory costs a page fault, zeroing and accounting for
 * each page, and later a garbage collection, and is never in the processor's cache.
 */
export class PayloadMemory {
  readonly #spare: ArrayBufferLike[] = [];
  #takenCount = 0;

  /** For a frame that arrives. Only payloads of data frames share memory: others are kept for any time. */
  readonly forFrame: MemoryFor = (type, lengthBytes) =>
    type === typeNumbers.data ? this.take(lengthBytes) : newMemory(lengthBytes);

  /**
   * Memory for a payload. Its contents are undefined.
   *
   * @param lengthBytes up to `bounds.maxPayloadBytes`.
   */
  take(lengthBytes: number): Uint8Array {
    const isFitting = lengthBytes >= tuning.leastDataPayloadBytes && lengthBytes <= tuning.dataPayloadBytes;
    if (!isFitting || this.#takenCount === bounds.takenPayloads) return newMemory(lengthBytes);
    this.#takenCount++;
    const memory = this.#spare.pop() ?? newMemory(tuning.dataPayloadBytes).buffer;
    return Buffer.from(memory, 0, lengthBytes);
  }

  /** Returns memory, given all of it or a part. The caller must not use it any more. */
  giveBack({ buffer }: Uint8Array): void {
    if (buffer.byteLength !== tuning.dataPayloadBytes) return;
    this.#takenCount--;
    if (this.#spare.length < tuning.sparePayloads) this.#spare.push(buffer);
  }
}
