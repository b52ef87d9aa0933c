import { bufferCountOf, type Geometry } from '../digest/geometry.ts';
import { bounds } from '../limits.ts';
import { coverageOfRuns, runsOf, type BufferRuns, type Coverage } from './coverage.ts';

/**
 * Collects runs of buffers, in any order, which may overlap. Its memory is bounded: if there are too many runs, those with
 * the smallest gaps between them are joined. More is examined then, never less.
 */
export class RunCollector {
  readonly #bufferBytes: number;
  readonly #bufferCount: number;
  readonly #mostRuns: number;
  /** The first index of each run, and the index behind it. */
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  #count = 0;

  /** @param mostRuns that {@link coverage} may have. */
  constructor(geometry: Geometry, mostRuns: number = bounds.coverageRuns) {
    this.#bufferBytes = geometry.bufferBytes;
    this.#bufferCount = bufferCountOf(geometry);
    this.#mostRuns = mostRuns;
    // Twice the number, so that most additions do not have to sort.
    this.#starts = new Float64Array(2 * mostRuns);
    this.#ends = new Float64Array(2 * mostRuns);
  }

  /** Adds the buffers of which the range has at least a byte. What lies behind the end of the device is left out. */
  addBytes(offsetBytes: number, lengthBytes: number): void {
    if (lengthBytes === 0) return;
    const firstIndex = Math.floor(offsetBytes / this.#bufferBytes);
    this.add(firstIndex, Math.ceil((offsetBytes + lengthBytes) / this.#bufferBytes));
  }

  /** Adds the buffers from an index on, in front of another index. */
  add(firstIndex: number, toIndex: number): void {
    const endIndex = Math.min(toIndex, this.#bufferCount);
    if (endIndex <= firstIndex) return;
    const last = this.#count - 1;
    // Most lists are sorted.
    if (last >= 0 && firstIndex >= this.#starts[last]! && firstIndex <= this.#ends[last]!) {
      this.#ends[last] = Math.max(this.#ends[last]!, endIndex);
      return;
    }
    if (this.#count === this.#starts.length) this.#compact();
    this.#starts[this.#count] = firstIndex;
    this.#ends[this.#count] = endIndex;
    this.#count++;
  }

  addCoverage(coverage: Coverage): void {
    for (const { firstIndex, endIndex } of runsOf(coverage)) this.add(firstIndex, endIndex);
  }

  /** Everything that was added so far. */
  coverage(): Coverage {
    this.#compact();
    const runs: BufferRuns = new Float64Array(2 * this.#count);
    for (let run = 0; run < this.#count; run++) {
      runs[2 * run] = this.#starts[run]!;
      runs[2 * run + 1] = this.#ends[run]! - this.#starts[run]!;
    }
    return coverageOfRuns(runs);
  }

  #compact(): void {
    this.#sortAndMerge();
    if (this.#count > this.#mostRuns) this.#joinSmallestGaps(this.#count - this.#mostRuns);
  }

  /**
   * Starts and ends are sorted separately. As many runs are open at an index as have started and not ended there, so that
   * the union begins where the first one starts, and ends where the last one ends.
   */
  #sortAndMerge(): void {
    const starts = this.#starts.subarray(0, this.#count).sort();
    const ends = this.#ends.subarray(0, this.#count).sort();
    let merged = 0;
    let unionStart = starts[0]!;
    for (let at = 0; at < starts.length; at++) {
      const isLast = at === starts.length - 1;
      // All runs that have started have ended, and the next one starts behind a gap.
      if (!isLast && starts[at + 1]! <= ends[at]!) continue;
      const nextStart = isLast ? 0 : starts[at + 1]!;
      this.#starts[merged] = unionStart;
      this.#ends[merged] = ends[at]!;
      merged++;
      unionStart = nextStart;
    }
    this.#count = merged;
  }

  /** @param joinCount the number of gaps that are to disappear. */
  #joinSmallestGaps(joinCount: number): void {
    const gaps = new Float64Array(this.#count - 1);
    for (let run = 0; run < gaps.length; run++) gaps[run] = this.#starts[run + 1]! - this.#ends[run]!;
    const ascending = gaps.slice().sort();
    const longest = ascending[joinCount - 1]!;
    let longestLeft = joinCount - ascending.indexOf(longest);
    let joined = 0;
    for (let run = 1; run < this.#count; run++) {
      const gap = gaps[run - 1]!;
      if (gap < longest || (gap === longest && longestLeft-- > 0)) {
        this.#ends[joined] = this.#ends[run]!;
        continue;
      }
      joined++;
      this.#starts[joined] = this.#starts[run]!;
      this.#ends[joined] = this.#ends[run]!;
    }
    this.#count = joined + 1;
  }
}

/** What at least one of the coverages examines, in a bounded number of runs. */
export function unionOf(geometry: Geometry, coverages: readonly Coverage[]): Coverage {
  const collector = new RunCollector(geometry);
  for (const coverage of coverages) collector.addCoverage(coverage);
  return collector.coverage();
}
