import { monotonicMs } from '../clock.ts';
import { BasynError, type Remedy } from '../errors.ts';
import { frameHeaderBytes } from '../protocol/frame.ts';
import { bounds } from '../limits.ts';

/** The state of this side and its peer at one moment. */
export interface Standing {
  /** Bytes received so far, without signs of life. */
  readonly substanceBytes: number;
  /** Whether this side has nothing to do but to wait for the peer's next message. */
  readonly isWaiting: boolean;
  readonly isPeerFlushing: boolean;
  /** The age of the oldest unanswered ping. */
  readonly unansweredPingMs: number;
  /** Whether this side has data in flight, behind which a ping may wait. */
  readonly isSending: boolean;
}

/**
 * Detects a peer that only answers pings, or only sends them, and does nothing else any more: it has lost a message, or
 * waits for one that was never sent. A peer that works on its device says so, so that slow storage is not a stall.
 */
export class StallWatch {
  readonly #peerTimeoutMs: number;
  #substanceBytes = 0;
  #receivedAtMs = monotonicMs();
  #progressAtMs = monotonicMs();

  constructor(peerTimeoutMs: number) {
    this.#peerTimeoutMs = peerTimeoutMs;
  }

  /** The peer has reported that it works. */
  peerWorks(): void {
    this.#receivedAtMs = this.#progressAtMs = monotonicMs();
  }

  /**
   * Examines the state. `hasReceived` tells whether something of substance has arrived since the last look: the peer
   * should know that it gets through.
   */
  look(standing: Standing): { readonly hasReceived: boolean; readonly error: BasynError | undefined } {
    const nowMs = monotonicMs();
    // A part of a sign of life counts as substance until the rest of it has arrived.
    const hasReceived = standing.substanceBytes >= this.#substanceBytes + frameHeaderBytes;
    if (hasReceived) {
      this.#substanceBytes = standing.substanceBytes;
      this.#receivedAtMs = nowMs;
    }
    if (hasReceived || !standing.isWaiting || standing.isPeerFlushing) this.#progressAtMs = nowMs;
    return { hasReceived, error: this.#errorAt(standing, nowMs) };
  }

  #errorAt({ unansweredPingMs, isSending }: Standing, nowMs: number): BasynError | undefined {
    const isDeaf = !isSending && Math.min(unansweredPingMs, nowMs - this.#receivedAtMs) > this.#peerTimeoutMs;
    if (isDeaf) {
      const seconds = Math.round(this.#peerTimeoutMs / 1000);
      return stalled(`has not answered pings for ${seconds} seconds`, 'longer-timeout');
    }
    const stallMs = bounds.stallTimeouts * this.#peerTimeoutMs;
    if (nowMs - this.#progressAtMs <= stallMs) return undefined;
    return stalled(`answers pings, but has made no progress for ${Math.round(stallMs / 1000)} seconds`);
  }
}

function stalled(how: string, remedy?: Remedy): BasynError {
  return new BasynError('connection', `The peer ${how}.`, { remedy, retryable: true });
}
