import type { Extent } from '../../digest/extent.ts';
import type { Differences } from '../../report.ts';
import { bounds } from '../../limits.ts';

/** What has been found so far, as it crosses the wire. */
export interface Found extends Differences {
  readonly differingRanges: Extent[];
  /** The end of the last differing range: a range that begins there continues it. `null` if there is none. */
  readonly differingEndBytes: number | null;
}

/** Adds up the ranges that differ. They are added in ascending order; neighbours count as one. */
export class Findings {
  differingBytes = 0;
  differingRangeCount = 0;
  readonly differingRanges: Extent[] = [];
  readonly #mostRanges: number;
  #endBytes = -1;

  /** @param mostRanges that are listed. The others are only counted. */
  constructor(mostRanges: number = bounds.reportedRanges) {
    this.#mostRanges = mostRanges;
  }

  /** What is known so far. */
  differences(): Differences {
    const { differingBytes, differingRanges, differingRangeCount } = this;
    return { differingBytes, differingRanges, differingRangeCount };
  }

  /** A copy of what is known so far. */
  found(): Found {
    const { differingBytes, differingRanges, differingRangeCount } = this;
    return {
      differingBytes,
      differingRanges: [...differingRanges],
      differingRangeCount,
      differingEndBytes: this.#endBytes < 0 ? null : this.#endBytes,
    };
  }

  /** The findings of one attempt, and those of the next one, which lie behind them. */
  static joined(earlier: Found, later: Found): Findings {
    const joined = Findings.#of(earlier);
    joined.append(Findings.#of(later));
    return joined;
  }

  static #of({ differingBytes, differingRanges, differingRangeCount, differingEndBytes }: Found): Findings {
    const findings = new Findings();
    findings.differingBytes = differingBytes;
    findings.differingRangeCount = differingRangeCount;
    findings.differingRanges.push(...differingRanges);
    findings.#endBytes = differingEndBytes ?? -1;
    return findings;
  }

  add(extents: readonly Extent[]): void {
    for (const extent of extents) {
      this.differingBytes += extent.lengthBytes;
      if (extent.offsetBytes !== this.#endBytes) this.differingRangeCount++;
      this.#list(extent);
    }
  }

  /** Adds findings that lie behind everything added so far. */
  append(later: Findings): void {
    const [first] = later.differingRanges;
    if (first === undefined) return;
    const isNeighbour = first.offsetBytes === this.#endBytes;
    this.differingBytes += later.differingBytes;
    // One at a time: each counts towards the limit that decides whether the next is listed.
    this.differingRangeCount += isNeighbour ? 0 : 1;
    for (const [index, range] of later.differingRanges.entries()) {
      if (index > 0) this.differingRangeCount++;
      this.#list(range);
    }
    this.differingRangeCount += later.differingRangeCount - later.differingRanges.length;
    this.#endBytes = later.#endBytes;
  }

  /** Lists a range that is already counted, or joins it to the last one, up to the limit of listed ranges. */
  #list({ offsetBytes, lengthBytes }: Extent): void {
    if (this.differingRangeCount <= this.#mostRanges) {
      const last = offsetBytes === this.#endBytes ? this.differingRanges.pop() : undefined;
      const startBytes = last?.offsetBytes ?? offsetBytes;
      this.differingRanges.push({
        offsetBytes: startBytes,
        lengthBytes: offsetBytes + lengthBytes - startBytes,
      });
    }
    this.#endBytes = offsetBytes + lengthBytes;
  }
}
