import { monotonicMs } from '../clock.ts';
import { tuning } from '../limits.ts';
import { Credit } from '../protocol/credit.ts';
import { ThroughputMeter } from './throughput-meter.ts';

/**
 * Bounds the payload in flight on a link with a short round trip, and measures its throughput.
 *
 * Without this bound, ssh's whole window (2 MiB) waits in ssh's buffer before the agent's pipe. That buffer grows packet
 * by packet, and ssh copies it each time: this took up to a second of processor time.
 */
export class NearWindow {
  readonly #room = new Credit(tuning.nearWindowBytes);
  readonly #meter = new ThroughputMeter();
  #enteredBytes = 0;
  #firstEnteredMs: number | undefined;
  #measuredWaits = 0;
  /** Confirmed while a sender waited, and not yet passed to the meter. */
  #unmeasuredBytes = 0;

  /** Undefined until a sender has waited long enough. */
  get bytesPerMs(): number | undefined {
    return this.#meter.bytesPerMs;
  }

  /** Resolves when there is room for this payload. */
  async enter(payloadBytes: number): Promise<void> {
    this.#firstEnteredMs ??= monotonicMs();
    const isWarmingUp =
      monotonicMs() - this.#firstEnteredMs < tuning.throughput.warmUpMs ||
      this.#enteredBytes < tuning.laneBufferBytes;
    const isMeasured = !isWarmingUp && !this.#room.has(payloadBytes);
    this.#enteredBytes += payloadBytes;
    if (!isMeasured) {
      await this.#room.acquire(payloadBytes);
      return;
    }
    this.#measuredWaits++;
    this.#meter.waitBegins();
    await this.#room.acquire(payloadBytes);
    this.#meter.waitEnds(this.#unmeasuredBytes);
    this.#unmeasuredBytes = 0;
    this.#measuredWaits--;
  }

  /** The peer has confirmed this payload. */
  leave(payloadBytes: number): void {
    if (this.#measuredWaits > 0) this.#unmeasuredBytes += payloadBytes;
    this.#room.release(payloadBytes);
  }
}
