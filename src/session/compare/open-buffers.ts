import type { Extent } from '../../digest/extent.ts';
import { bounds } from '../../limits.ts';
import { Findings } from './findings.ts';

/** Is called when the last work on a buffer has ended, with what differs in it. */
export type RefinedListener = (index: number, found: Findings) => void;

interface OpenBuffer {
  /** Work on parts of it that has begun and not ended. */
  workCount: number;
  readonly found: { readonly offsetBytes: number; readonly findings: Findings }[];
}

/**
 * The buffers under refinement. Work on a range may begin further work before it ends. A buffer is refined when all work on
 * it has ended, even if work on its neighbours goes on: on a slow link, the transfer of these may take minutes.
 */
export class OpenBuffers {
  readonly #bufferBytes: number;
  readonly #onRefined: RefinedListener;
  readonly #mostRanges: number;
  readonly #open = new Map<number, OpenBuffer>();

  /** @param mostRanges that the findings of a buffer list. */
  constructor(bufferBytes: number, onRefined: RefinedListener, mostRanges: number = bounds.reportedRanges) {
    this.#bufferBytes = bufferBytes;
    this.#onRefined = onRefined;
    this.#mostRanges = mostRanges;
  }

  /** Work on these ranges begins. Each range is within one buffer. */
  begin(extents: readonly Extent[]): void {
    for (const index of this.#indexesOf(extents)) {
      const buffer = this.#open.get(index);
      if (buffer === undefined) this.#open.set(index, { workCount: 1, found: [] });
      else buffer.workCount++;
    }
  }

  /** Work that {@link begin} began with the same buffers has ended. */
  end(extents: readonly Extent[]): void {
    for (const index of this.#indexesOf(extents)) {
      const buffer = this.#open.get(index)!;
      if (--buffer.workCount > 0) continue;
      this.#open.delete(index);
      this.#onRefined(index, findingsOf(buffer, this.#mostRanges));
    }
  }

  /** These ranges differ. They are in ascending order, and not added twice. Work on them must have begun. */
  add(extents: readonly Extent[]): void {
    let [findings, index] = [new Findings(this.#mostRanges), -1];
    for (const extent of extents) {
      const extentIndex = this.#indexOf(extent);
      if (extentIndex !== index) {
        [findings, index] = [new Findings(this.#mostRanges), extentIndex];
        this.#open.get(index)!.found.push({ offsetBytes: extent.offsetBytes, findings });
      }
      findings.add([extent]);
    }
  }

  /** Each index once. The ranges are in ascending order. */
  *#indexesOf(extents: readonly Extent[]): Generator<number, void> {
    let lastIndex = -1;
    for (const extent of extents) {
      const index = this.#indexOf(extent);
      if (index !== lastIndex) yield index;
      lastIndex = index;
    }
  }

  #indexOf({ offsetBytes }: Extent): number {
    return Math.floor(offsetBytes / this.#bufferBytes);
  }
}

/** Parts of a buffer are found in any order. */
function findingsOf({ found }: OpenBuffer, mostRanges: number): Findings {
  const all = new Findings(mostRanges);
  for (const { findings } of found.sort((a, b) => a.offsetBytes - b.offsetBytes)) all.append(findings);
  return all;
}
