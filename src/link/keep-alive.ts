import { BasynError } from '../errors.ts';
import { tuning } from '../limits.ts';
import type { Inbox } from './inbox.ts';
import type { LaneSet } from './lane-set.ts';
import type { Pinger } from './pinger.ts';
import type { SendWindow } from './send-window.ts';
import { StallWatch } from './stall-watch.ts';

/** What keep-alive observes, and what it can do. */
export interface KeepAliveLink {
  readonly lanes: LaneSet;
  readonly inbox: Inbox;
  readonly window: SendWindow;
  readonly pinger: Pinger;
  /** Whether this side works on its device: it then tells the peer, and does not wait for a message. */
  readonly isWorking: () => boolean;
  readonly isPeerFlushing: () => boolean;
  readonly sendWorking: () => void;
  readonly onDead: (error: BasynError) => void;
}

/**
 * Sends signs of life, and detects a peer that is gone or stalled. It runs several times within the peer's timeout, on
 * every lane, whatever else the run does.
 */
export class KeepAlive {
  readonly #link: KeepAliveLink;
  readonly #peerTimeoutMs: number;
  readonly #stallWatch: StallWatch;
  readonly #timer: NodeJS.Timeout;

  constructor(link: KeepAliveLink, peerTimeoutMs: number) {
    this.#link = link;
    this.#peerTimeoutMs = peerTimeoutMs;
    this.#stallWatch = new StallWatch(peerTimeoutMs);
    this.#timer = setInterval(() => this.#beat(), Math.ceil(peerTimeoutMs / tuning.beatsPerTimeout));
    this.#timer.unref();
  }

  /** The peer has reported that it works on its device. */
  peerWorks(): void {
    this.#stallWatch.peerWorks();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const { lanes, pinger, isWorking, sendWorking, onDead } = this.#link;
    const isBusy = isWorking();
    const { hasReceived, error } = this.#look(isBusy);
    if (error !== undefined) {
      onDead(error);
      return;
    }
    if (hasReceived || isBusy) sendWorking();
    // A failure of the link reaches those who wait for messages.
    pinger.ping().catch(() => undefined);
    for (const lane of lanes.further) void lane.send({ type: 'ping' });
  }

  #look(isWorking: boolean): ReturnType<StallWatch['look']> {
    const { lanes, inbox, window, pinger, isPeerFlushing } = this.#link;
    if (!inbox.isPaused && lanes.isSilent(this.#peerTimeoutMs)) {
      return { hasReceived: false, error: silence(this.#peerTimeoutMs) };
    }
    return this.#stallWatch.look({
      substanceBytes: lanes.substanceBytes,
      isWaiting: inbox.hasWaiter && !isWorking && !inbox.isPaused,
      isPeerFlushing: isPeerFlushing(),
      unansweredPingMs: inbox.isPaused ? 0 : pinger.unansweredMs,
      isSending: !window.isEmpty || (lanes.first?.queuedBytes ?? 0) > 0,
    });
  }
}

function silence(peerTimeoutMs: number): BasynError {
  const seconds = Math.round(peerTimeoutMs / 1000);
  const facts = { remedy: 'longer-timeout', retryable: true } as const;
  return new BasynError('connection', `The peer sent nothing for ${seconds} seconds.`, facts);
}
