import type { Extent } from '../../digest/extent.ts';
import type { Differences } from '../../report.ts';
import { limits } from '../../limits.ts';

/** Adds up the ranges that differ. They are told in ascending order; neighbours count as one. */
export class Findings {
  differingBytes = 0;
  differingRangeCount = 0;
  readonly differingRanges: Extent[] = [];
  #endBytes = -1;

  /** What is known so far. */
  differences(): Differences {
    const { differingBytes, differingRanges, differingRangeCount } = this;
    return { differingBytes, differingRanges, differingRangeCount };
  }

  add(extents: readonly Extent[]): void {
    for (const extent of extents) {
      this.differingBytes += extent.lengthBytes;
      if (extent.offsetBytes !== this.#endBytes) this.differingRangeCount++;
      this.#name(extent);
    }
  }

  /** Adds what was found behind all that was added so far. */
  append(later: Findings): void {
    const [first] = later.differingRanges;
    if (first === undefined) return;
    const isNeighbour = first.offsetBytes === this.#endBytes;
    this.differingBytes += later.differingBytes;
    // One after the other, as each counts for whether the next is still named.
    this.differingRangeCount += isNeighbour ? 0 : 1;
    for (const [index, range] of later.differingRanges.entries()) {
      if (index > 0) this.differingRangeCount++;
      this.#name(range);
    }
    this.differingRangeCount += later.differingRangeCount - later.differingRanges.length;
    this.#endBytes = later.#endBytes;
  }

  /** Puts a range that is counted already behind the named ones, or joins it to the last, while that is still named. */
  #name({ offsetBytes, lengthBytes }: Extent): void {
    if (this.differingRangeCount <= limits.reportedRanges) {
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

/** What was found in each buffer: however many ranges that is, the memory for it is bounded. */
export class FindingsByBuffer {
  readonly #byBuffer = new Map<number, Findings>();

  /** @param extents none of which reaches into a second buffer, or all of it is counted for the first. */
  static of(extents: readonly Extent[], bufferBytes: number): FindingsByBuffer {
    const found = new FindingsByBuffer();
    for (const extent of extents) found.#at(Math.floor(extent.offsetBytes / bufferBytes)).add([extent]);
    return found;
  }

  /** @param parts in ascending order. */
  static joined(parts: readonly FindingsByBuffer[]): FindingsByBuffer {
    const joined = new FindingsByBuffer();
    for (const part of parts) {
      for (const [index, findings] of part.#byBuffer) joined.#at(index).append(findings);
    }
    return joined;
  }

  /** Undefined, where nothing differs in it. */
  inBuffer(index: number): Findings | undefined {
    return this.#byBuffer.get(index);
  }

  #at(index: number): Findings {
    let findings = this.#byBuffer.get(index);
    if (findings === undefined) {
      findings = new Findings();
      this.#byBuffer.set(index, findings);
    }
    return findings;
  }
}
