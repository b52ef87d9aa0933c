import { monotonicMs } from '../clock.ts';
import { BasynError, type Remedy } from '../errors.ts';
import { frameHeaderBytes } from '../protocol/frame.ts';
import { limits } from '../limits.ts';

/** What a side knows of itself and its peer at one moment. */
export interface Standing {
  /** Bytes that have come so far, without signs of life. */
  readonly substanceBytes: number;
  /** Whether we have nothing to do but to wait for the peer's next message. */
  readonly isWaiting: boolean;
  readonly isPeerFlushing: boolean;
  /** How long the oldest ping is unanswered. */
  readonly unansweredPingMs: number;
  /** Whether much of ours may be on its way, behind which a ping waits. */
  readonly isSending: boolean;
}

/**
 * Finds a peer that answers pings, or only sends them, and does nothing else any more: it has lost a message, or waits for
 * one that was never sent. A peer that works on its device says so, so that slow storage is no stall.
 */
export class StallWatch {
  readonly #peerTimeoutMs: number;
  #substanceBytes = 0;
  #heardAtMs = monotonicMs();
  #movedAtMs = monotonicMs();

  constructor(peerTimeoutMs: number) {
    this.#peerTimeoutMs = peerTimeoutMs;
  }

  /** The peer has said that it works. */
  peerWorks(): void {
    this.#heardAtMs = this.#movedAtMs = monotonicMs();
  }

  /** Whether something of substance has come since the last look: the peer should know that it gets through. */
  look(standing: Standing): { readonly hasReceived: boolean; readonly error: BasynError | undefined } {
    const nowMs = monotonicMs();
    // A part of a sign of life counts as substance until the rest of it has come.
    const hasReceived = standing.substanceBytes >= this.#substanceBytes + frameHeaderBytes;
    if (hasReceived) {
      this.#substanceBytes = standing.substanceBytes;
      this.#heardAtMs = nowMs;
    }
    if (hasReceived || !standing.isWaiting || standing.isPeerFlushing) this.#movedAtMs = nowMs;
    return { hasReceived, error: this.#complaint(standing, nowMs) };
  }

  #complaint({ unansweredPingMs, isSending }: Standing, nowMs: number): BasynError | undefined {
    const isDeaf = !isSending && Math.min(unansweredPingMs, nowMs - this.#heardAtMs) > this.#peerTimeoutMs;
    if (isDeaf) {
      const seconds = Math.round(this.#peerTimeoutMs / 1000);
      return stalled(`has not answered pings for ${seconds} seconds`, 'longer-timeout');
    }
    const stallMs = limits.stallTimeouts * this.#peerTimeoutMs;
    if (nowMs - this.#movedAtMs <= stallMs) return undefined;
    return stalled(`answers pings, but makes no progress for ${Math.round(stallMs / 1000)} seconds`);
  }
}

function stalled(how: string, remedy?: Remedy): BasynError {
  return new BasynError('connection', `The other side ${how}.`, remedy === undefined ? {} : { remedy });
}
