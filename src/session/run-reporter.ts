import { monotonicMs } from '../clock.ts';
import type { DeviceHandle } from '../device/device.ts';
import { assert, type Side } from '../errors.ts';
import type { Extent } from '../digest/extent.ts';
import { bounds, tuning } from '../limits.ts';
import type { Trace } from '../trace.ts';
import { ExtentReporter } from './extent-reporter.ts';
import type { Order } from './order.ts';
import { bottleneckOf } from './bottleneck.ts';
import { RunClock } from './run-clock.ts';
import { doSizesMatch } from './sizes.ts';
import type {
  DeviceReport,
  EventListener,
  ExtentListener,
  Interruption,
  PhaseCounts,
  PhaseReport,
  ReadPath,
  RecordReport,
  ReportedPhase,
  RunReport,
  StateFileReport,
  Traffic,
} from '../report.ts';

/** Where reads of each device come from that are meant to reach the disk. */
export interface DiskReads {
  readonly source: ReadPath;
  /** Of the source, for the comparison of a transfer. */
  readonly survey: ReadPath;
  /** Of the source, for what is sent. */
  readonly sent: ReadPath;
  readonly target: ReadPath;
}

/** What a phase examines, where that is not everything. */
export type PartOfPhase = Pick<PhaseReport, 'examinedBytes' | 'changeList'>;

/** The caller. */
export interface Observer {
  readonly onEvent?: EventListener | undefined;
  readonly onExtent?: ExtentListener | undefined;
}

/** Reports the events of a run to its caller, and builds the final report. */
export class RunReporter {
  readonly #order: Pick<Order, 'dryRun' | 'sizes'>;
  readonly #emit: EventListener;
  readonly #traffic: () => Traffic;
  readonly #trace: Trace | undefined;
  readonly #startMs = monotonicMs();
  /** Reports what is found out about ranges. */
  readonly extents: ExtentReporter;
  /** Measures where the time goes. */
  readonly clock = new RunClock();
  readonly #phases: PhaseReport[] = [];
  readonly #interruptions: Interruption[] = [];
  readonly #said = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #phase:
    { readonly name: ReportedPhase; readonly sizeBytes: number; readonly part: PartOfPhase } | undefined;
  #emitProgress: ((elapsedMs: number) => void) | undefined;
  #phaseStartMs = 0;
  #unreadableCount = 0;
  #source: DeviceReport | undefined;
  #target: DeviceReport | undefined;
  #diskReads: DiskReads | undefined;
  #stateFile: StateFileReport | undefined;

  constructor(
    order: Pick<Order, 'dryRun' | 'sizes'>,
    { onEvent = ignore, onExtent }: Observer,
    traffic: () => Traffic,
    trace: Trace | undefined,
  ) {
    this.#order = order;
    this.#emit = onEvent;
    this.extents = new ExtentReporter(onExtent);
    this.#traffic = traffic;
    this.#trace = trace;
  }

  /** @param target Undefined where a state file is made from the source alone. */
  start(source: DeviceReport, target: DeviceReport | undefined, diskReads: DiskReads): void {
    clearTimeout(this.#flushTimer);
    this.#diskReads = diskReads;
    const isFirst = this.#source === undefined;
    this.#source = source;
    this.#target = target;
    if (isFirst) this.#emit({ type: 'start', source, ...(target && { target }) });
  }

  /** What the state file of the run is worth, before the first phase. */
  stateFile(stateFile: StateFileReport): void {
    if (this.#stateFile === undefined) this.#emit({ type: 'state-file', ...stateFile });
    this.#stateFile = stateFile;
  }

  warn(messages: readonly string[]): void {
    for (const message of this.#unsaid(messages)) this.#emit({ type: 'warning', message });
  }

  note(messages: readonly string[]): void {
    for (const message of this.#unsaid(messages)) this.#emit({ type: 'note', message });
  }

  /** Every attempt finds the same. */
  #unsaid(messages: readonly string[]): string[] {
    const unsaid = messages.filter((message) => !this.#said.has(message));
    for (const message of unsaid) this.#said.add(message);
    return unsaid;
  }

  /**
   * The link has failed, and another attempt follows.
   *
   * @param attempt the number of the attempt that follows.
   * @param fromBytes where it continues in the phase that was interrupted.
   */
  interrupted(attempt: number, interruption: Interruption, fromBytes: number): void {
    this.stop();
    this.extents.interrupted();
    this.#interruptions.push(interruption);
    const { reason, waitMs } = interruption;
    const place = this.#phase === undefined ? {} : { phase: this.#phase.name, fromBytes };
    this.#emit({ type: 'attempt', attempt, reason, waitMs, ...place });
  }

  /** The attempt that follows begins with the first phase, and nothing that was done before counts. */
  startAgain(): void {
    this.#phases.length = 0;
    this.#phase = undefined;
    this.#unreadableCount = 0;
  }

  /** A range of the source that can't be read. Only the first ones of a phase are reported. */
  unreadable(phase: ReportedPhase, { offsetBytes, lengthBytes }: Extent): void {
    if (++this.#unreadableCount > bounds.reportedUnreadableRanges) return;
    this.#emit({ type: 'unreadable', phase, offsetBytes, lengthBytes });
  }

  /** A flush of the device on this side begins. It is reported only if it takes a while. */
  flushing(side: Side): void {
    const phase = this.#phase?.name;
    clearTimeout(this.#flushTimer);
    this.#flushTimer = setTimeout(() => {
      this.#emit({ type: 'flushing', side, ...(phase !== undefined && { phase }) });
    }, tuning.progressIntervalMs);
  }

  /**
   * Begins a phase, or continues it in a further attempt. The function that it returns takes the progress, which is reported
   * at regular intervals.
   *
   * @param part what is known if not all of `sizeBytes` is examined.
   */
  phaseStart(phase: ReportedPhase, sizeBytes: number, part: PartOfPhase = {}): (doneBytes: number) => void {
    let doneBytes = 0;
    const { examinedBytes } = part;
    clearTimeout(this.#flushTimer);
    this.clock.phaseBegins(phase === 'copy' && !this.#order.dryRun ? 'copying' : 'comparing');
    if (this.#phase?.name !== phase) {
      this.#phaseStartMs = monotonicMs();
      this.#phase = { name: phase, sizeBytes, part };
      this.#emit({
        type: 'phase-start',
        phase,
        sizeBytes,
        ...(examinedBytes !== undefined && { examinedBytes }),
      });
      this.extents.phaseBegins(phase);
      this.#traceReads(phase);
    }
    this.#emitProgress = (elapsedMs) => {
      const sizeOfWork = { sizeBytes: examinedBytes ?? sizeBytes };
      this.#emit({ type: 'progress', phase, doneBytes, ...sizeOfWork, traffic: this.#traffic(), elapsedMs });
    };
    this.#timer = setInterval(() => this.#emitProgress?.(this.#phaseElapsedMs()), tuning.progressIntervalMs);
    return (bytes) => {
      doneBytes = bytes;
    };
  }

  /** Ends the phase. Its time is measured by the same clock as its progress, so no progress exceeds the whole. */
  phaseEnd(counts: PhaseCounts): void {
    assert(this.#phase !== undefined && this.#diskReads !== undefined, 'a phase ended that did not begin');
    const { name: phase, sizeBytes, part } = this.#phase;
    const elapsedMs = this.#phaseElapsedMs();
    const report = {
      phase,
      sizeBytes,
      ...part,
      ...counts,
      ...readPathsOf(phase, this.#diskReads),
      elapsedMs,
    };
    this.#emitProgress?.(elapsedMs);
    this.stop();
    this.clock.phaseEnds();
    this.#phase = undefined;
    this.#unreadableCount = 0;
    this.extents.phaseEnds();
    this.#phases.push(report);
    this.#emit({ type: 'phase-end', ...report });
  }

  /** Reports no more progress, also in the middle of a phase. */
  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#flushTimer);
    this.#emitProgress = undefined;
  }

  #traceReads(phase: ReportedPhase): void {
    if (this.#trace === undefined || this.#diskReads === undefined) return;
    const { sourceReads, targetReads } = readPathsOf(phase, this.#diskReads);
    this.#trace(`decision: ${phase} reads the source ${sourceReads}, the target ${targetReads}`);
  }

  #phaseElapsedMs(): number {
    return monotonicMs() - this.#phaseStartMs;
  }

  /** Of a run that has made a state file from the source alone. */
  recordReport(stateFile: StateFileReport): RecordReport {
    return {
      source: this.#source!,
      phases: this.#phases,
      traffic: this.#traffic(),
      elapsedMs: monotonicMs() - this.#startMs,
      stateFile,
      ...this.#failedAttempts(),
    };
  }

  report(): RunReport {
    const source = this.#source!;
    const target = this.#target!;
    const elapsedMs = monotonicMs() - this.#startMs;
    const times = this.clock.times(elapsedMs);
    const bottleneck = bottleneckOf(times, elapsedMs, this.clock.busierSide);
    const sizesMatch = doSizesMatch(this.#order, {
      sourceBytes: source.sizeBytes,
      targetBytes: target.sizeBytes,
    });
    const doesDataMatch = this.#phases.every(
      ({ phase, differingBytes, unreadableBytes = 0 }) =>
        (phase !== 'recheck' || differingBytes === 0) && unreadableBytes === 0,
    );
    return {
      source,
      target,
      dryRun: this.#order.dryRun,
      phases: this.#phases,
      traffic: this.#traffic(),
      elapsedMs,
      times,
      ...(bottleneck && { bottleneck }),
      ...(this.#stateFile && { stateFile: this.#stateFile }),
      ...this.#failedAttempts(),
      sizesMatch,
      matches: sizesMatch && doesDataMatch,
    };
  }

  #failedAttempts(): Pick<RunReport, 'interruptions'> {
    return this.#interruptions.length > 0 ? { interruptions: this.#interruptions } : {};
  }
}

const ignore = (): void => undefined;

/** A SYNC reads what it sends a second time, as a copy does. */
function readPathsOf(
  phase: ReportedPhase,
  diskReads: DiskReads,
): Pick<PhaseReport, 'sourceReads' | 'targetReads'> {
  switch (phase) {
    case 'copy':
      return { sourceReads: diskReads.sent, targetReads: 'none' };
    case 'sync':
    case 'record':
      return { sourceReads: diskReads.survey, targetReads: diskReads.target };
    case 'recheck':
      return { sourceReads: diskReads.source, targetReads: diskReads.target };
  }
}

/** @param cachedBecause why reads of the device may not reach the disk. */
export function readPathOf({ cachedBecause }: { readonly cachedBecause: string | undefined }): ReadPath {
  return cachedBecause === undefined ? 'direct' : 'cached';
}

export function accessPathOf({ access }: Pick<DeviceHandle, 'access'>): ReadPath {
  return access === 'direct' ? 'direct' : 'cached';
}

export function deviceReportOf({ side, path, kind, sizeBytes }: DeviceHandle): DeviceReport {
  return { side, path, kind, sizeBytes };
}
