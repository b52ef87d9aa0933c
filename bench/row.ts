import type { Check, Verdict } from './check.ts';
import type { Contender } from './contender.ts';
import type { Summary } from './summary.ts';

/** Contenders that take turns at the same work, and what their figures must show. */
export interface Row {
  readonly title: string;
  /** Ourselves first. */
  readonly contenders: readonly Contender[];
  readonly checks: readonly Check[];
  /** Takes minutes: measured with `--long` only, and once. */
  readonly isLong?: true;
}

/** What a row's contenders came to, those that are on the PATH, and what follows from it. */
export interface RowResult {
  readonly title: string;
  readonly entries: readonly Entry[];
  readonly verdicts: readonly Verdict[];
}

export interface Entry {
  readonly name: string;
  readonly tool: string;
  readonly command: string;
  readonly summary: Summary;
}
