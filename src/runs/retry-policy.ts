import type { BasynError } from '../errors.ts';
import { tuning } from '../limits.ts';

/** How often and how soon a run over ssh is attempted again. */
export interface RetryPolicy {
  /** The most attempts in a row that may fail without progress, besides the first. 0: a run has one attempt. */
  readonly retries: number;
  /** The most time between two attempts. */
  readonly retryWaitMs: number;
}

/**
 * How long to wait before the next attempt. The wait doubles with each failure: a link that was cut is often back at once,
 * and a host that starts again needs minutes.
 *
 * @param failureCount attempts in a row that have failed without progress, the last one included. 0 if that one made progress.
 * @returns undefined if there is no further attempt.
 */
export function waitBeforeRetryMs(
  error: BasynError,
  failureCount: number,
  { retries, retryWaitMs }: RetryPolicy,
): number | undefined {
  if (error.retryable !== true || retries === 0 || failureCount > retries) return undefined;
  return Math.min(retryWaitMs, tuning.firstRetryWaitMs * 2 ** Math.max(0, failureCount - 1));
}
