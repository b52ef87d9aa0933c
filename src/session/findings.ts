import type { Extent } from '../digest/extent.ts';
import { limits } from '../limits.ts';

/** Adds up the ranges that differ. They are told in ascending order; neighbours count as one. */
export class Findings {
  differingBytes = 0;
  differingRangeCount = 0;
  readonly differingRanges: Extent[] = [];
  #endBytes = -1;

  add(extents: readonly Extent[]): void {
    for (const { offsetBytes, lengthBytes } of extents) {
      this.differingBytes += lengthBytes;
      if (offsetBytes !== this.#endBytes) {
        this.differingRangeCount++;
        if (this.differingRangeCount <= limits.reportedRanges)
          this.differingRanges.push({ offsetBytes, lengthBytes });
      } else if (this.differingRangeCount <= limits.reportedRanges) {
        const last = this.differingRanges.pop()!;
        this.differingRanges.push({
          offsetBytes: last.offsetBytes,
          lengthBytes: last.lengthBytes + lengthBytes,
        });
      }
      this.#endBytes = offsetBytes + lengthBytes;
    }
  }
}
