/** What has been measured of the link so far. */
export interface LinkSpeed {
  /** Bytes per millisecond that the link takes when it is busy. Undefined until it has been measured. */
  readonly bytesPerMs: number | undefined;
  /** Undefined until it has been measured. */
  readonly roundTripMs: number | undefined;
}
