import { monotonicMs } from '../clock.ts';
import { limits } from '../limits.ts';
import { Credit } from '../protocol/credit.ts';
import { RateMeter } from './throughput-meter.ts';

/** So long the other side starts its threads and ssh makes room: until then, they are slower than the way. */
const warmingUpMs = 500;

/**
 * Bounds the payloads that are on a short way at once, and measures how fast they get through. Without a bound, as many as
 * ssh's window holds lie in its buffer before the agent's pipe. This buffer grows packet by packet, and is copied each
 * time: that took up to a second of processor time.
 */
export class ShortWay {
  readonly #room = new Credit(limits.shortWayBytes);
  readonly #rateMeter = new RateMeter();
  #enteredBytes = 0;
  #firstEnteredMs: number | undefined;
  #waits = 0;
  /** What has got through while somebody waited, and is not measured yet. */
  #leftBytes = 0;

  /** Undefined until somebody had to wait for a while. */
  get bytesPerMs(): number | undefined {
    return this.#rateMeter.bytesPerMs;
  }

  /** Resolves when there is room for a payload. */
  async enter(payloadBytes: number): Promise<void> {
    this.#firstEnteredMs ??= monotonicMs();
    const isWarmingUp =
      monotonicMs() - this.#firstEnteredMs < warmingUpMs || this.#enteredBytes < limits.laneBufferBytes;
    const isMeasured = !isWarmingUp && !this.#room.has(payloadBytes);
    this.#enteredBytes += payloadBytes;
    if (!isMeasured) {
      await this.#room.acquire(payloadBytes);
      return;
    }
    this.#waits++;
    this.#rateMeter.waitBegins();
    await this.#room.acquire(payloadBytes);
    this.#rateMeter.waitEnds(this.#leftBytes);
    this.#leftBytes = 0;
    this.#waits--;
  }

  /** The other side is done with so much of what has entered. */
  leave(payloadBytes: number): void {
    if (this.#waits > 0) this.#leftBytes += payloadBytes;
    this.#room.release(payloadBytes);
  }
}
