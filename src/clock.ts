/**
 * Milliseconds of a clock that never jumps, from an arbitrary moment on. `performance.now()` tells the same, but its
 * first call loads more of node than a small run takes to compare its files.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
