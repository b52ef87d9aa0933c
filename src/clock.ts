/**
 * Milliseconds of a monotonic clock with an arbitrary origin. `performance.now()` returns the same, but its first call
 * loads more of node than a small run needs to compare its files.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
