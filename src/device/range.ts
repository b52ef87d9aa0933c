/** A range of a device. */
export interface Range {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}
