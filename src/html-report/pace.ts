import { tuning } from '../limits.ts';
import type { RunEvent } from '../report.ts';
import { type Few, FirstFew, LongestFew } from './few.ts';
import type { RateSeries } from './rate-series.ts';
import type { Reconnect, Stall } from './run-record.ts';

/** Follows how a run gets on: its speeds, the times without progress, and the attempts. */
export class Pace {
  readonly #rates: RateSeries;
  readonly #stalls = new LongestFew<Stall>(tuning.htmlReport.listedStalls);
  readonly #reconnects = new FirstFew<Reconnect>(tuning.htmlReport.listedReconnects);
  /** The last progress event, or the start of its phase. */
  #last = { atMs: 0, doneBytes: 0, linkBytes: 0 };
  /** The last of them that told of something new. Undefined while the run connects. */
  #moved: { readonly atMs: number; readonly doneBytes: number; readonly linkBytes: number } | undefined;
  #failed: Omit<Reconnect, 'endMs'> | undefined;
  #during = '';

  constructor(rates: RateSeries) {
    this.#rates = rates;
  }

  event(event: RunEvent, nowMs: number): void {
    switch (event.type) {
      case 'start':
        this.#connected(nowMs);
        break;
      case 'phase-start':
        this.#connected(nowMs);
        this.#during = event.phase;
        this.#last = { ...this.#last, atMs: nowMs, doneBytes: 0 };
        this.#moved = this.#last;
        break;
      case 'progress':
        this.#connected(nowMs);
        this.#progress(nowMs, event);
        break;
      case 'flushing':
        this.#during = `flushing the ${event.side} device`;
        break;
      case 'phase-end':
        this.#stopWaiting(nowMs);
        break;
      case 'attempt':
        this.#stopWaiting(nowMs);
        this.#failed ??= { startMs: nowMs, attempt: event.attempt, reason: event.reason };
        this.#last = { ...this.#last, atMs: nowMs, doneBytes: event.fromBytes ?? 0 };
        break;
      case 'runtime-start':
      case 'runtime-progress':
      case 'runtime-end':
      case 'state-file':
      case 'unreadable':
      case 'warning':
      case 'note':
      case 'remote-stderr':
      case 'debug':
    }
  }

  /** The run has ended. */
  end(nowMs: number): { readonly stalls: Few<Stall>; readonly reconnects: Few<Reconnect> } {
    this.#stopWaiting(nowMs);
    this.#connected(nowMs);
    return { stalls: this.#stalls, reconnects: this.#reconnects };
  }

  #progress(nowMs: number, { doneBytes, traffic, phase }: Extract<RunEvent, { type: 'progress' }>): void {
    const linkBytes = traffic.receivedBytes + traffic.transmittedBytes;
    const last = this.#last;
    this.#last = { atMs: nowMs, doneBytes, linkBytes };
    this.#rates.add({
      fromMs: last.atMs,
      toMs: nowMs,
      // After a failure, the progress may continue at an earlier place.
      doneBytes: Math.max(doneBytes - last.doneBytes, 0),
      sentBytes: Math.max(linkBytes - last.linkBytes, 0),
    });
    const moved = this.#moved ?? last;
    const isMoving =
      doneBytes !== moved.doneBytes || linkBytes - moved.linkBytes >= tuning.htmlReport.stallTrafficBytes;
    if (!isMoving) return;
    this.#stopWaiting(nowMs);
    this.#during = phase;
    this.#moved = this.#last;
  }

  /** A time without progress is over. */
  #stopWaiting(nowMs: number): void {
    const moved = this.#moved;
    this.#moved = undefined;
    if (moved === undefined || nowMs - moved.atMs < tuning.htmlReport.stallMs) return;
    this.#stalls.add({ startMs: moved.atMs, endMs: nowMs, during: this.#during });
  }

  /** The next attempt has begun. */
  #connected(nowMs: number): void {
    const failed = this.#failed;
    this.#failed = undefined;
    if (failed !== undefined) this.#reconnects.add({ ...failed, endMs: nowMs });
  }
}
