import type { Contender } from './contender.ts';
import type { Summary } from './summary.ts';

/** One line of what the bench must show. */
export interface Check {
  readonly title: string;
  /** What the figure is a multiple of, or is compared with. */
  readonly against: string;
  readonly needs: readonly Contender[];
  /** From the summaries of what it needs, in that order. */
  readonly figure: (...summaries: readonly Summary[]) => number;
  readonly bound: Bound;
}

export interface Bound {
  readonly kind: 'at least' | 'at most';
  readonly value: number;
}

export const atLeast = (value: number): Bound => ({ kind: 'at least', value });
export const atMost = (value: number): Bound => ({ kind: 'at most', value });

/** What a check came to; without a figure where something it needs was not measured. */
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
