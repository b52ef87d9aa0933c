import type { Geometry } from '../digest/geometry.ts';
import type { ChangeListReport, Differences, PhaseName } from '../report.ts';
import { examinedBytesBefore, type Coverage } from './coverage.ts';
import type { PartOfPhase } from './run-reporter.ts';

/** What a phase examines, where that is not everything. */
export interface Selection {
  /** What the source examines. */
  readonly coverage: Coverage;
  /** What the target surveys: all of `coverage` if it is left out. Buffers besides those of `coverage` are ignored. */
  readonly surveyed?: Coverage | undefined;
  readonly probe?: Probe | undefined;
  /** For the report of the phase. */
  readonly changeList?: ChangeListReport | undefined;
}

/** A comparison before a phase that shows whether its selection is right. It writes nothing. */
export interface Probe {
  readonly coverage: Coverage;
  /** Decides about the phase, by what the probe found to differ. */
  judge(found: Differences): Selection;
}

/** What one role reads. */
export function coverageOfRole({ coverage, surveyed }: Selection, role: 'source' | 'target'): Coverage {
  return role === 'target' ? (surveyed ?? coverage) : coverage;
}

/** What the report says about the part that a phase examines. */
export function partOf(selection: Selection | undefined, geometry: Geometry): PartOfPhase {
  if (selection === undefined) return {};
  const { coverage, changeList } = selection;
  const examinedBytes = examinedBytesBefore(coverage, geometry, geometry.sizeBytes);
  return { examinedBytes, ...(changeList && { changeList }) };
}

/** The phase that is about to begin. */
export interface SelectedPhase {
  readonly phase: PhaseName;
  readonly geometry: Geometry;
  /** Bytes of the target from here on are new in this run: a file was created (0), or extended. Undefined where none are. */
  readonly newFromBytes: number | undefined;
  /** An earlier attempt may have created or extended the target, and its answer was lost: more than the above may be new. */
  readonly mayHaveMoreNew: boolean;
}

/**
 * Decides what a phase examines. It is called when both devices are open. Each attempt of a run asks again, and must get the
 * same answer, because a later attempt continues where the last one can be relied on.
 *
 * @returns undefined where the phase examines everything.
 */
export type PhaseSelector = (phase: SelectedPhase) => Promise<Selection | undefined>;
