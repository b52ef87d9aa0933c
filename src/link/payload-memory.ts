import { limits } from '../limits.ts';
import { newMemory, type MemoryFor } from '../protocol/frame.ts';
import { typeNumbers } from '../protocol/messages.ts';

/**
 * Memory for the payloads of data frames, used again and again. New memory costs a fault, its zeroing and its accounting
 * for each page, later a garbage collection, and it never lies in the processor's cache.
 */
export class PayloadMemory {
  readonly #spare: ArrayBufferLike[] = [];
  #takenCount = 0;

  /** For a frame that arrives: other payloads than those of data frames are kept as long as anybody likes. */
  readonly forFrame: MemoryFor = (type, lengthBytes) =>
    type === typeNumbers.data ? this.take(lengthBytes) : newMemory(lengthBytes);

  /**
   * Room for a payload. What stands in it is not defined.
   *
   * @param lengthBytes up to `limits.maxPayloadBytes`.
   */
  take(lengthBytes: number): Uint8Array {
    const isFitting = lengthBytes >= limits.leastDataPayloadBytes && lengthBytes <= limits.dataPayloadBytes;
    if (!isFitting || this.#takenCount === limits.takenPayloads) return newMemory(lengthBytes);
    this.#takenCount++;
    const memory = this.#spare.pop() ?? newMemory(limits.dataPayloadBytes).buffer;
    return Buffer.from(memory, 0, lengthBytes);
  }

  /** Takes memory back that was taken, or a part of it. Nobody may look at it any more. */
  giveBack({ buffer }: Uint8Array): void {
    if (buffer.byteLength !== limits.dataPayloadBytes) return;
    this.#takenCount--;
    if (this.#spare.length < limits.sparePayloads) this.#spare.push(buffer);
  }
}
