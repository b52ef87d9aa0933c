import type { Contender } from './contender.ts';
import type { Summary } from './summary.ts';

/** One line of what the bench must show. */
export interface Check {
  readonly title: string;
  /** The base of the figure, if that is a multiple or a comparison. */
  readonly against: string;
  readonly needs: readonly Contender[];
  /** Computes the figure from the summaries that it needs, in that order. */
  readonly figure: (...summaries: readonly Summary[]) => number;
  readonly bound: Bound;
}

export interface Bound {
  readonly kind: 'at least' | 'at most';
  readonly value: number;
}

export const atLeast = (value: number): Bound => ({ kind: 'at least', value });
export const atMost = (value: number): Bound => ({ kind: 'at most', value });

/** The result of a check. It has no figure if something that the check needs was not measured. */
export interface Verdict {
  readonly title: string;
  readonly against: string;
  readonly bound: Bound;
  readonly figure?: number;
  readonly passed?: boolean;
}

export function judge(
  { title, against, needs, figure, bound }: Check,
  summaries: ReadonlyMap<Contender, Summary>,
): Verdict {
  const found = needs.map((contender) => summaries.get(contender)).filter((each) => each !== undefined);
  if (found.length < needs.length) return { title, against, bound };
  const value = figure(...found);
  const passed = bound.kind === 'at least' ? value >= bound.value : value <= bound.value;
  return { title, against, bound, figure: value, passed };
}
