import { setTimeout as sleep } from 'node:timers/promises';
import { tuning } from '../limits.ts';
import { sharedRate, TokenBucket } from '../token-bucket.ts';

const { pieceMs, leastPieceBytes, mostPieceBytes } = tuning.rateLimit;

/** The rate at which bytes pass the pipes of all ssh processes of a run together, in both directions. */
export class RateLimit {
  readonly bytesPerSecond: number;
  /** The most bytes that pass at once. */
  readonly pieceBytes: number;
  readonly #bucket: TokenBucket;

  constructor(bytesPerSecond: number) {
    this.bytesPerSecond = bytesPerSecond;
    const pieceBytes = Math.round((bytesPerSecond * pieceMs) / 1000);
    this.pieceBytes = Math.max(leastPieceBytes, Math.min(mostPieceBytes, pieceBytes));
    this.#bucket = new TokenBucket(sharedRate(bytesPerSecond));
  }

  /** Resolves when these bytes may pass, or when `over` is aborted. */
  async passes(lengthBytes: number, over: AbortSignal): Promise<void> {
    if (over.aborted) return;
    const waitMs = this.#bucket.reserve(lengthBytes);
    if (waitMs === 0) return;
    // Only `over` rejects it.
    await sleep(waitMs, undefined, { signal: over }).catch(() => undefined);
  }
}
