import type { Geometry } from '../digest/geometry.ts';
import type { PhaseName } from '../report.ts';
import type { Coverage } from './coverage.ts';
import type { Role } from './order.ts';

/** What a phase examines, where that is not everything. */
export interface Selection {
  /** What the source examines. */
  readonly coverage: Coverage;
  /** What the target surveys: all of `coverage` if it is left out. Buffers besides those of `coverage` are ignored. */
  readonly surveyed?: Coverage | undefined;
}

/** What one role reads. */
export function coverageOfRole({ coverage, surveyed }: Selection, role: Role): Coverage {
  return role === 'target' ? (surveyed ?? coverage) : coverage;
}

/** The phase that is about to begin. */
export interface SelectedPhase {
  readonly phase: PhaseName;
  readonly geometry: Geometry;
}

/**
 * Decides what a phase examines. It is called when both devices are open. Each attempt of a run asks again, and must get the
 * same answer, because a later attempt continues where the last one can be relied on.
 *
 * @returns undefined where the phase examines everything.
 */
export type PhaseSelector = (phase: SelectedPhase) => Promise<Selection | undefined>;
