import { tuning } from '../limits.ts';

/** What has been measured of the link so far. */
export interface Throughput {
  /** Bytes per millisecond that the link takes when it is busy. Undefined until it has been measured. */
  readonly bytesPerMs: number | undefined;
  /** Undefined until it has been measured. */
  readonly roundTripMs: number | undefined;
}

/** Whether the round trip is short. A link that has not been measured may have a long one. */
export function isNear(roundTripMs = Infinity): boolean {
  return roundTripMs < tuning.longRoundTripMs;
}
