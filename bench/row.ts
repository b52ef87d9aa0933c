import type { Check, Verdict } from './check.ts';
import type { Contender } from './contender.ts';
import type { Summary } from './summary.ts';

/** Contenders that perform the same task in turn, and the checks of their figures. */
export interface Row {
  readonly title: string;
  /** Basyn first. */
  readonly contenders: readonly Contender[];
  readonly checks: readonly Check[];
  /** Takes minutes: measured with `--long` only, and once. */
  readonly isLong?: true;
}

/** The results of a row's contenders that are on the PATH, and the results of its checks. */
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
