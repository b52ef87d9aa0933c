import { assert } from '../errors.ts';
import { tuning } from '../limits.ts';
import type { Task } from '../options/task.ts';
import type { DeviceReport, ExtentFact, PhaseReport, ReportedPhase, RunEvent } from '../report.ts';
import { DeviceMap } from './device-map.ts';
import { FirstFew } from './few.ts';
import { Pace } from './pace.ts';
import { RateSeries } from './rate-series.ts';
import type { Ending, PhaseRecord, RunRecord } from './run-record.ts';

/** The two clocks that a collector reads, in milliseconds. */
export interface Clocks {
  /** Since 1970. */
  readonly wallMs: () => number;
  /** Of a monotonic clock. */
  readonly monotonicMs: () => number;
}

interface OpenPhase {
  readonly phase: ReportedPhase;
  readonly map: DeviceMap;
  readonly workBytes: number;
  /** Whether progress counts everything, or leaves out what the phase does not examine. */
  readonly counts: 'all' | 'what is read';
  doneBytes: number;
  state: PhaseRecord['state'];
}

/** Collects what the page shows of a run, in bounded memory, from the events that every reporter hears. */
export class RunCollector {
  readonly #task: Task;
  readonly #mapCells: number;
  readonly #clocks: Clocks;
  readonly #startedMs: number;
  readonly #originMs: number;
  readonly #rates: RateSeries;
  readonly #pace: Pace;
  readonly #warnings = new FirstFew<string>(tuning.htmlReport.listedWarnings);
  #source: DeviceReport | undefined;
  #target: DeviceReport | undefined;
  /** At most one of each name. */
  readonly #phases: OpenPhase[] = [];
  readonly #endedPhases: PhaseReport[] = [];

  /** @param mapCells the most cells of a map. */
  constructor(task: Task, mapCells: number, clocks: Clocks) {
    this.#task = task;
    this.#mapCells = mapCells;
    this.#clocks = clocks;
    this.#startedMs = clocks.wallMs();
    this.#originMs = clocks.monotonicMs();
    const { rateSamples, firstSampleMs } = tuning.htmlReport;
    this.#rates = new RateSeries(rateSamples, firstSampleMs);
    this.#pace = new Pace(this.#rates);
  }

  event(event: RunEvent): void {
    const nowMs = this.#elapsedMs();
    this.#pace.event(event, nowMs);
    switch (event.type) {
      case 'start':
        this.#source = event.source;
        this.#target = event.target;
        break;
      case 'phase-start':
        this.#startPhase(event);
        break;
      case 'progress':
        this.#phaseOf(event).doneBytes = event.doneBytes;
        break;
      case 'phase-end':
        Object.assign(this.#phaseOf(event), { state: 'ended', doneBytes: workBytesOf(event) });
        this.#endedPhases.push(event);
        break;
      case 'attempt':
        this.#restart(event);
        break;
      case 'warning':
        this.#warnings.add(event.message);
        break;
      case 'runtime-start':
      case 'runtime-progress':
      case 'runtime-end':
      case 'state-file':
      case 'flushing':
      case 'unreadable':
      case 'note':
      case 'remote-stderr':
      case 'debug':
    }
  }

  extent(fact: ExtentFact): void {
    this.#phaseOf(fact).map.add(fact.kind, fact);
  }

  /** What is known when the run has ended. */
  record(ending: Ending): RunRecord {
    const elapsedMs = this.#elapsedMs();
    const { stalls, reconnects } = this.#pace.end(elapsedMs);
    return {
      task: this.#task,
      ...(this.#source !== undefined && { source: this.#source }),
      ...(this.#target !== undefined && { target: this.#target }),
      startedMs: this.#startedMs,
      elapsedMs,
      ending,
      phases: this.#phases.map(({ phase, state, doneBytes, workBytes, counts, map }) => {
        const cells = map.cells({ doneBytes, counts });
        return { phase, state, doneBytes, workBytes, accuracy: map.accuracy, cells };
      }),
      endedPhases: this.#endedPhases,
      samples: this.#rates.samples(),
      stalls,
      reconnects,
      warnings: this.#warnings,
    };
  }

  /** A further attempt may begin a phase again: what was found before does not count then. */
  #startPhase(event: PhaseEvent): void {
    const workBytes = workBytesOf(event);
    const phase: OpenPhase = {
      phase: event.phase,
      map: new DeviceMap(event.sizeBytes, this.#mapCells),
      workBytes,
      counts: workBytes === event.sizeBytes ? 'all' : 'what is read',
      doneBytes: 0,
      state: 'not ended',
    };
    const index = this.#phases.findIndex(({ phase: name }) => name === event.phase);
    this.#phases.splice(index === -1 ? this.#phases.length : index, 1, phase);
  }

  #restart({ phase, fromBytes }: Extract<RunEvent, { type: 'attempt' }>): void {
    if (phase !== undefined && fromBytes !== undefined) this.#phaseOf({ phase }).map.forgetFrom(fromBytes);
  }

  #phaseOf({ phase: name }: { readonly phase: ReportedPhase }): OpenPhase {
    const phase = this.#phases.find((each) => each.phase === name);
    assert(phase !== undefined, `progress of ${name}, which has not begun`);
    return phase;
  }

  #elapsedMs(): number {
    return this.#clocks.monotonicMs() - this.#originMs;
  }
}

/** The start or the end of a phase. */
interface PhaseEvent {
  readonly phase: ReportedPhase;
  readonly sizeBytes: number;
  readonly examinedBytes?: number;
}

function workBytesOf({ sizeBytes, examinedBytes = sizeBytes }: PhaseEvent): number {
  return examinedBytes;
}
