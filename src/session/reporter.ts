import { monotonicMs } from '../clock.ts';
import type { DeviceHandle } from '../device/device.ts';
import { limits } from '../limits.ts';
import type { DeviceReport, EventListener, PhaseName, PhaseReport, RunReport, Traffic } from './report.ts';

/** Tells the caller of a run how it goes, and sums it up in the end. */
export class Reporter {
  readonly #dryRun: boolean;
  readonly #emit: EventListener;
  readonly #traffic: () => Traffic;
  readonly #startMs = monotonicMs();
  readonly #phases: PhaseReport[] = [];
  #timer: NodeJS.Timeout | undefined;
  #tell: (() => void) | undefined;
  #source: DeviceReport | undefined;
  #target: DeviceReport | undefined;

  constructor(dryRun: boolean, emit: EventListener, traffic: () => Traffic) {
    this.#dryRun = dryRun;
    this.#emit = emit;
    this.#traffic = traffic;
  }

  start(source: DeviceReport, target: DeviceReport): void {
    this.#source = source;
    this.#target = target;
    this.#emit({ type: 'start', source, target });
  }

  warn(messages: readonly string[]): void {
    for (const message of messages) this.#emit({ type: 'warning', message });
  }

  note(messages: readonly string[]): void {
    for (const message of messages) this.#emit({ type: 'note', message });
  }

  debug(message: string): void {
    this.#emit({ type: 'debug', message });
  }

  /** Begins a phase. What it returns takes the phase's progress; the listener hears of it at steady intervals. */
  phaseStart(phase: PhaseName, sizeBytes: number): (doneBytes: number) => void {
    const startMs = monotonicMs();
    let doneBytes = 0;
    this.#emit({ type: 'phase-start', phase, sizeBytes });
    this.#tell = () => {
      const elapsedMs = monotonicMs() - startMs;
      this.#emit({ type: 'progress', phase, doneBytes, sizeBytes, traffic: this.#traffic(), elapsedMs });
    };
    this.#timer = setInterval(this.#tell, limits.progressIntervalMs);
    return (bytes) => {
      doneBytes = bytes;
    };
  }

  phaseEnd(report: PhaseReport): void {
    this.#tell?.();
    this.stop();
    this.#phases.push(report);
    this.#emit({ type: 'phase-end', ...report });
  }

  /** Falls silent, also in the middle of a phase. */
  stop(): void {
    clearInterval(this.#timer);
    this.#tell = undefined;
  }

  report(): RunReport {
    const source = this.#source!;
    const target = this.#target!;
    const elapsedMs = monotonicMs() - this.#startMs;
    const matches = this.#phases.every(
      ({ phase, differingBytes }) => phase !== 'recheck' || differingBytes === 0,
    );
    return {
      source,
      target,
      dryRun: this.#dryRun,
      phases: this.#phases,
      traffic: this.#traffic(),
      elapsedMs,
      matches,
    };
  }
}

export function deviceReportOf({ side, path, kind, sizeBytes }: DeviceHandle): DeviceReport {
  return { side, path, kind, sizeBytes };
}
