import { monotonicMs } from './clock.ts';
import { bounds } from './limits.ts';

/** A rate that several threads keep together. Plain data: it can be sent to a thread, which then shares the memory. */
export interface SharedRate {
  readonly bytesPerSecond: number;
  /** The state of the bucket: one 64-bit number, see {@link TokenBucket}. */
  readonly memory: SharedArrayBuffer;
}

/** @param bytesPerSecond more than 0. */
export function sharedRate(bytesPerSecond: number): SharedRate {
  return { bytesPerSecond, memory: new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT) };
}

/**
 * A token bucket that keeps a rate. Callers reserve bytes, and wait for the time that {@link reserve} returns. Reservations
 * are served in their order, so that no caller starves another one.
 */
export class TokenBucket {
  readonly #bytesPerSecond: number;
  readonly #now: () => number;
  /** When everything that was reserved so far will have passed, in microseconds of the clock. */
  readonly #paidUntilMicros: BigInt64Array;

  /** @param now milliseconds of a clock that never jumps. Threads that share a rate need the same clock. */
  constructor({ bytesPerSecond, memory }: SharedRate, now: () => number = monotonicMs) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#now = now;
    this.#paidUntilMicros = new BigInt64Array(memory);
  }

  /**
   * Reserves bytes.
   *
   * @returns milliseconds until they may pass. Less than a millisecond counts as nothing, because no timer is that exact.
   */
  reserve(lengthBytes: number): number {
    const durationMicros = Math.round((lengthBytes * 1e6) / this.#bytesPerSecond);
    for (;;) {
      const nowMicros = Math.round(this.#now() * 1e3);
      const before = Atomics.load(this.#paidUntilMicros, 0);
      const startMicros = Math.max(Number(before), nowMicros - bounds.burstMs * 1e3);
      const paidUntilMicros = startMicros + durationMicros;
      // Another thread may have reserved in between.
      if (Atomics.compareExchange(this.#paidUntilMicros, 0, before, BigInt(paidUntilMicros)) !== before)
        continue;
      const waitMs = (paidUntilMicros - nowMicros) / 1e3;
      return waitMs < 1 ? 0 : waitMs;
    }
  }
}
