import type { RunEvent } from '../report.ts';
import { formatBytes, percentOf } from '../display/format.ts';
import type { ProgressView } from './progress-line.ts';
import { progressSentence } from './progress-line.ts';
import { RemainingTime } from './remaining-time.ts';
import type { Reporter } from './reporter.ts';
import type { Task } from '../options/task.ts';
import { SpeedMeter } from './speed-meter.ts';
import { describeAttempt } from './host-text.ts';
import { describeFlush, hostsOf, type HostCount } from './text.ts';

type ProgressEvent = Extract<RunEvent, { type: 'progress' }>;

/** What a run does at a moment: a phase that makes progress, or something whose end cannot be predicted. */
export type Moment = ProgressView | { readonly activity: string };

/** Follows the events of a run, and tells at any time what it does. */
export class RunState implements Reporter {
  #moment: Moment = { activity: 'starting' };
  #meter = new SpeedMeter({ elapsedMs: 0, doneBytes: 0, wireBytes: 0 });
  #remainingTime = new RemainingTime();
  #hosts: HostCount = 'two';
  #wireBytes = 0;
  #elapsedMs = 0;
  /** A flush goes on although progress is reported: the bytes are all done, and nothing moves until the phase ends. */
  #isFlushing = false;

  get moment(): Moment {
    return this.#moment;
  }

  started(task: Task): void {
    const { host } = task.options;
    this.#hosts = hostsOf(task);
    this.#moment = { activity: host === undefined ? 'opening the devices' : `connecting to ${host}` };
  }

  event(event: RunEvent): void {
    switch (event.type) {
      case 'start':
        this.#moment = { activity: 'both devices are open' };
        break;
      case 'phase-start':
        this.#meter = new SpeedMeter({ elapsedMs: 0, doneBytes: 0, wireBytes: this.#wireBytes });
        this.#remainingTime = new RemainingTime();
        this.#isFlushing = false;
        this.#moment = { ...event, doneBytes: 0, ...this.#meter.speeds(), leftMs: Infinity };
        break;
      case 'progress':
        this.#update(event);
        break;
      case 'runtime-progress': {
        const { doneBytes, sizeBytes } = event;
        const amount = `${formatBytes(doneBytes)} of ${formatBytes(sizeBytes)}`;
        this.#moment = { activity: `sending node: ${percentOf(doneBytes, sizeBytes)}% (${amount})` };
        break;
      }
      case 'runtime-start':
      case 'runtime-end':
        this.#moment = { activity: 'starting node on the host' };
        break;
      case 'flushing':
        this.#isFlushing = true;
        this.#moment = { activity: describeFlush(event, this.#hosts) };
        break;
      case 'phase-end':
        this.#moment = { activity: `${event.phase}: done` };
        break;
      case 'attempt':
        this.#restart(event.fromBytes ?? 0);
        this.#moment = { activity: describeAttempt(event) };
        break;
      case 'unreadable':
      case 'state-file':
      case 'warning':
      case 'note':
      case 'remote-stderr':
      case 'debug':
    }
  }

  finished(): void {
    this.#moment = { activity: 'done' };
  }

  recorded(): void {
    this.finished();
  }

  found(): void {
    this.finished();
  }

  failed(): void {
    this.#moment = { activity: 'failed' };
  }

  interrupted(): void {
    this.#moment = { activity: 'ending after a signal' };
  }

  /** The link has failed: the bytes continue at an earlier place. */
  #restart(doneBytes: number): void {
    this.#isFlushing = false;
    this.#meter = new SpeedMeter({ elapsedMs: this.#elapsedMs, doneBytes, wireBytes: this.#wireBytes });
    this.#remainingTime = new RemainingTime();
  }

  #update({ phase, doneBytes, sizeBytes, traffic, elapsedMs }: ProgressEvent): void {
    this.#wireBytes = traffic.receivedBytes + traffic.transmittedBytes;
    this.#meter.add({ elapsedMs, doneBytes, wireBytes: this.#wireBytes });
    this.#remainingTime.add(elapsedMs, doneBytes);
    this.#elapsedMs = elapsedMs;
    if (this.#isFlushing) return;
    const leftMs = this.#remainingTime.leftMs(sizeBytes);
    this.#moment = { phase, doneBytes, sizeBytes, ...this.#meter.speeds(), leftMs };
  }
}

/** "sync: 25% (1.0 GiB of 4.0 GiB), …", or "connecting to backup". */
export function describeMoment(moment: Moment): string {
  return 'activity' in moment ? moment.activity : progressSentence(moment);
}
