import type { PhaseReport, RunEvent } from '../report.ts';
import type { Output } from './output.ts';
import { progressLine, progressSentence, type ProgressView } from './progress-line.ts';
import type { Reporter } from './reporter.ts';
import { SpeedMeter } from './speed-meter.ts';
import { describeFlush, describePhase } from './text.ts';

type ProgressEvent = Extract<RunEvent, { type: 'progress' }>;
type FlushingEvent = Extract<RunEvent, { type: 'flushing' }>;

/** Where the progress is shown, and how often. */
interface Indicator {
  readonly intervalMs: number;
  show(view: ProgressView): void;
  showFlush(event: FlushingEvent): void;
  clear(): void;
}

/** `--progress`: one line on a terminal, or now and then a line in a log. */
export class ProgressReporter implements Reporter {
  readonly #output: Output;
  readonly #indicator: Indicator;
  #meter = new SpeedMeter({ elapsedMs: 0, doneBytes: 0, wireBytes: 0 });
  #wireBytes = 0;
  #shownAtMs = 0;
  #elapsedMs = 0;
  /** The bytes are all done then: nothing moves until the phase ends. */
  #isFlushing = false;
  #stopped = false;

  constructor(output: Output) {
    this.#output = output;
    this.#indicator = output.terminalColumns === undefined ? logIndicator(output) : terminalIndicator(output);
  }

  event(event: RunEvent): void {
    if (this.#stopped) return;
    if (event.type === 'phase-start') this.#startPhase();
    if (event.type === 'progress') this.#update(event);
    if (event.type === 'flushing') this.#flush(event);
    if (event.type === 'phase-end') this.#endPhase(event);
    if (event.type === 'attempt') this.#restart(event.fromBytes ?? 0);
  }

  interrupted(): void {
    this.#stop();
  }

  failed(): void {
    this.#stop();
  }

  #startPhase(): void {
    this.#meter = new SpeedMeter({ elapsedMs: 0, doneBytes: 0, wireBytes: this.#wireBytes });
    this.#shownAtMs = 0;
    this.#isFlushing = false;
  }

  /** The link has failed: the bytes continue at an earlier place. */
  #restart(doneBytes: number): void {
    this.#indicator.clear();
    this.#isFlushing = false;
    this.#meter = new SpeedMeter({ elapsedMs: this.#elapsedMs, doneBytes, wireBytes: this.#wireBytes });
  }

  #flush(event: FlushingEvent): void {
    this.#isFlushing = true;
    this.#indicator.showFlush(event);
  }

  #update({ phase, doneBytes, sizeBytes, traffic, elapsedMs }: ProgressEvent): void {
    this.#wireBytes = traffic.receivedBytes + traffic.transmittedBytes;
    this.#elapsedMs = elapsedMs;
    this.#meter.add({ elapsedMs, doneBytes, wireBytes: this.#wireBytes });
    if (this.#isFlushing || elapsedMs - this.#shownAtMs < this.#indicator.intervalMs) return;
    this.#shownAtMs = elapsedMs;
    this.#indicator.show({ phase, doneBytes, sizeBytes, ...this.#meter.speeds() });
  }

  #endPhase(report: PhaseReport): void {
    this.#indicator.clear();
    this.#output.notice(describePhase(report));
  }

  #stop(): void {
    this.#stopped = true;
    this.#indicator.clear();
  }
}

function terminalIndicator(output: Output): Indicator {
  return {
    intervalMs: 100,
    // The width is asked for anew each time: the window may have been resized.
    show: (view) => output.showStatus(progressLine(view, output.terminalColumns ?? 80)),
    showFlush: (event) =>
      output.showStatus(describeFlush(event).slice(0, (output.terminalColumns ?? 80) - 1)),
    clear: () => output.showStatus(''),
  };
}

function logIndicator(output: Output): Indicator {
  return {
    intervalMs: 10_000,
    show: (view) => output.notice(progressSentence(view), 'latest'),
    showFlush: (event) => output.notice(`basyn: ${describeFlush(event)}`, 'latest'),
    clear: () => undefined,
  };
}
