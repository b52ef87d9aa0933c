import { monotonicMs } from '../clock.ts';
import type { DeviceHandle } from '../device/device.ts';
import type { Side } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Trace } from '../trace.ts';
import { doSizesMatch } from './devices.ts';
import type { Order } from './order.ts';
import type {
  DeviceReport,
  EventListener,
  PhaseName,
  PhaseOutcome,
  PhaseReport,
  ReadPath,
  RunReport,
  Traffic,
} from '../report.ts';

/** How reads of a device that look for the disk are answered. */
export interface DiskReads {
  readonly source: ReadPath;
  readonly target: ReadPath;
}

/** Tells the caller of a run how it goes, and sums it up in the end. */
export class RunReporter {
  readonly #order: Pick<Order, 'dryRun' | 'sizes'>;
  readonly #emit: EventListener;
  readonly #traffic: () => Traffic;
  readonly #trace: Trace | undefined;
  readonly #startMs = monotonicMs();
  readonly #phases: PhaseReport[] = [];
  #timer: NodeJS.Timeout | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #phase: PhaseName | undefined;
  #tell: ((elapsedMs: number) => void) | undefined;
  #phaseStartMs = 0;
  #source: DeviceReport | undefined;
  #target: DeviceReport | undefined;
  #diskReads: DiskReads | undefined;

  constructor(
    order: Pick<Order, 'dryRun' | 'sizes'>,
    emit: EventListener,
    traffic: () => Traffic,
    trace: Trace | undefined,
  ) {
    this.#order = order;
    this.#emit = emit;
    this.#traffic = traffic;
    this.#trace = trace;
  }

  start(source: DeviceReport, target: DeviceReport, diskReads: DiskReads): void {
    clearTimeout(this.#flushTimer);
    this.#diskReads = diskReads;
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

  /** A flush of the device on this side begins. It is reported if it is not over at once. */
  flushing(side: Side): void {
    const phase = this.#phase;
    clearTimeout(this.#flushTimer);
    this.#flushTimer = setTimeout(() => {
      this.#emit({ type: 'flushing', side, ...(phase !== undefined && { phase }) });
    }, limits.progressIntervalMs);
  }

  /** Begins a phase. What it returns takes the phase's progress; the listener hears of it at steady intervals. */
  phaseStart(phase: PhaseName, sizeBytes: number): (doneBytes: number) => void {
    this.#phaseStartMs = monotonicMs();
    let doneBytes = 0;
    clearTimeout(this.#flushTimer);
    this.#phase = phase;
    this.#emit({ type: 'phase-start', phase, sizeBytes });
    this.#traceReads(phase);
    this.#tell = (elapsedMs) => {
      this.#emit({ type: 'progress', phase, doneBytes, sizeBytes, traffic: this.#traffic(), elapsedMs });
    };
    this.#timer = setInterval(() => this.#tell?.(this.#phaseElapsedMs()), limits.progressIntervalMs);
    return (bytes) => {
      doneBytes = bytes;
    };
  }

  /** Ends it. Its time is measured here, as that of its progress is, so that none of these exceeds the whole. */
  phaseEnd(outcome: PhaseOutcome): void {
    const elapsedMs = this.#phaseElapsedMs();
    const report = { ...outcome, ...readPathsOf(outcome.phase, this.#diskReads!), elapsedMs };
    this.#tell?.(elapsedMs);
    this.stop();
    this.#phase = undefined;
    this.#phases.push(report);
    this.#emit({ type: 'phase-end', ...report });
  }

  /** Falls silent, also in the middle of a phase. */
  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#flushTimer);
    this.#tell = undefined;
  }

  #traceReads(phase: PhaseName): void {
    if (this.#trace === undefined || this.#diskReads === undefined) return;
    const { sourceReads, targetReads } = readPathsOf(phase, this.#diskReads);
    this.#trace(`decision: ${phase} reads the source ${sourceReads}, the target ${targetReads}`);
  }

  #phaseElapsedMs(): number {
    return monotonicMs() - this.#phaseStartMs;
  }

  report(): RunReport {
    const source = this.#source!;
    const target = this.#target!;
    const elapsedMs = monotonicMs() - this.#startMs;
    const sizesMatch = doSizesMatch(this.#order, {
      sourceBytes: source.sizeBytes,
      targetBytes: target.sizeBytes,
    });
    const doesDataMatch = this.#phases.every(
      ({ phase, differingBytes }) => phase !== 'recheck' || differingBytes === 0,
    );
    return {
      source,
      target,
      dryRun: this.#order.dryRun,
      phases: this.#phases,
      traffic: this.#traffic(),
      elapsedMs,
      sizesMatch,
      matches: sizesMatch && doesDataMatch,
    };
  }
}

/** A transfer reads its source through the page cache, which is faster where the source is in use. */
function readPathsOf(
  phase: PhaseName,
  diskReads: DiskReads,
): Pick<PhaseReport, 'sourceReads' | 'targetReads'> {
  switch (phase) {
    case 'copy':
      return { sourceReads: 'cached', targetReads: 'none' };
    case 'sync':
      return { sourceReads: 'cached', targetReads: diskReads.target };
    case 'recheck':
      return { sourceReads: diskReads.source, targetReads: diskReads.target };
  }
}

/** @param cachedBecause why reads of the device may not see the disk. */
export function readPathOf({ cachedBecause }: { readonly cachedBecause: string | undefined }): ReadPath {
  return cachedBecause === undefined ? 'direct' : 'cached';
}

export function deviceReportOf({ side, path, kind, sizeBytes }: DeviceHandle): DeviceReport {
  return { side, path, kind, sizeBytes };
}
