import { tuning } from '../limits.ts';
import type { PhaseReport, RunEvent } from '../report.ts';
import type { Task } from '../options/task.ts';
import type { LineWriter } from './output.ts';
import { progressLine } from './progress-line.ts';
import type { Reporter } from './reporter.ts';
import { describeMoment, RunState, type Moment } from './run-state.ts';
import { describePhase } from './phase-text.ts';
import { type Clock, logLine } from './text.ts';

/** Where the progress is shown, and how often. */
interface Indicator {
  readonly intervalMs: number;
  show(moment: Moment): void;
  showEnd(report: PhaseReport): void;
  clear(): void;
}

/** `--progress`: one line on a terminal, or now and then a line in a log. */
export class ProgressReporter implements Reporter {
  readonly #indicator: Indicator;
  readonly #state = new RunState();
  #shownAtMs = 0;
  #stopped = false;

  constructor(output: LineWriter, now: Clock) {
    this.#indicator =
      output.terminalColumns === undefined ? logIndicator(output, now) : terminalIndicator(output);
  }

  started(task: Task): void {
    this.#state.started(task);
    // What is on this machine is open before anyone could read that.
    if (task.options.host !== undefined) this.#indicator.show(this.#state.moment);
  }

  event(event: RunEvent): void {
    if (this.#stopped) return;
    this.#state.event(event);
    if (event.type === 'phase-start') this.#shownAtMs = 0;
    if (event.type === 'progress') this.#showProgress(event.elapsedMs);
    if (event.type === 'runtime-start') this.#shownAtMs = -Infinity;
    if (event.type === 'runtime-progress') this.#showUpload(event.elapsedMs);
    if (event.type === 'flushing') this.#indicator.show(this.#state.moment);
    if (event.type === 'phase-end') this.#indicator.showEnd(event);
  }

  interrupted(): void {
    this.#stop();
  }

  failed(): void {
    this.#stop();
  }

  finished(): void {
    this.#stop();
  }

  recorded(): void {
    this.#stop();
  }

  found(): void {
    this.#stop();
  }

  #showProgress(elapsedMs: number): void {
    const { moment } = this.#state;
    if ('activity' in moment || elapsedMs - this.#shownAtMs < this.#indicator.intervalMs) return;
    this.#shownAtMs = elapsedMs;
    this.#indicator.show(moment);
  }

  #showUpload(elapsedMs: number): void {
    if (elapsedMs - this.#shownAtMs < this.#indicator.intervalMs) return;
    this.#shownAtMs = elapsedMs;
    this.#indicator.show(this.#state.moment);
  }

  #stop(): void {
    this.#stopped = true;
    this.#indicator.clear();
  }
}

function terminalIndicator(output: LineWriter): Indicator {
  // The width is asked for anew each time: the window may have been resized.
  const columns = (): number => output.terminalColumns ?? tuning.progress.columns;
  return {
    intervalMs: tuning.progress.statusIntervalMs,
    show: (moment) =>
      output.showStatus(
        'activity' in moment
          ? `${moment.activity}…`.slice(0, columns() - 1)
          : progressLine(moment, columns()),
      ),
    showEnd(report) {
      output.showStatus('');
      output.notice(describePhase(report));
    },
    clear: () => output.showStatus(''),
  };
}

function logIndicator(output: LineWriter, now: Clock): Indicator {
  return {
    intervalMs: tuning.progress.logIntervalMs,
    show: (moment) => output.notice(logLine(now, describeMoment(moment)), 'latest', 'info'),
    showEnd: (report) => output.notice(logLine(now, describePhase(report)), 'kept', 'info'),
    clear: () => undefined,
  };
}

/** Prints one line about a run, as `dd` does when it receives SIGUSR1, with or without `--progress`. */
export class ProgressOnRequest extends RunState {
  readonly #output: LineWriter;
  readonly #now: Clock;

  constructor(output: LineWriter, now: Clock) {
    super();
    this.#output = output;
    this.#now = now;
  }

  print(): void {
    const text = describeMoment(this.moment);
    const isLog = this.#output.terminalColumns === undefined;
    this.#output.notice(isLog ? logLine(this.#now, text) : `basyn: ${text}`, 'kept', 'info');
  }
}
