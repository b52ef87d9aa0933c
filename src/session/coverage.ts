import { firstIndexWhere } from '../binary-search.ts';
import { cut, type Extent } from '../digest/extent.ts';
import { bufferCountOf, bufferExtentOf, type Geometry } from '../digest/geometry.ts';

/**
 * Which buffers of the device a phase examines, in ascending order. The others count as equal, and nobody reads them.
 * A position counts the examined buffers only; an index counts all buffers of the device.
 */
export interface Coverage {
  /** Number of buffers to examine. */
  readonly bufferCount: number;
  /** Index of the buffer at a position below {@link bufferCount}. */
  indexAt(position: number): number;
  /** Number of examined buffers without a gap from a position on, itself included. */
  runLengthAt(position: number): number;
  /** Number of examined buffers whose index is lower than `index`. */
  positionOf(index: number): number;
}

/** Everything is examined. */
export function wholeDevice(geometry: Geometry): Coverage {
  return restOfDevice(geometry, 0);
}

/** Everything from a buffer on is examined. */
export function restOfDevice(geometry: Geometry, firstIndex: number): Coverage {
  const bufferCount = bufferCountOf(geometry) - firstIndex;
  return {
    bufferCount,
    indexAt: (position) => firstIndex + position,
    runLengthAt: (position) => bufferCount - position,
    positionOf: (index) => Math.max(0, index - firstIndex),
  };
}

/**
 * Examines every buffer, except those that an excluded range covers completely.
 *
 * @param excluded start and end in bytes of one range after the other, in ascending order.
 */
export function withoutRanges(geometry: Geometry, excluded: Float64Array): Coverage {
  const bufferCount = bufferCountOf(geometry);
  const runs: Run[] = [];
  let [nextIndex, position] = [0, 0];
  const addRun = (endIndex: number): void => {
    if (endIndex <= nextIndex) return;
    runs.push({ firstIndex: nextIndex, endIndex, position });
    position += endIndex - nextIndex;
  };
  for (let pair = 0; pair < excluded.length; pair += 2) {
    const endBytes = excluded[pair + 1]!;
    const firstIndex = Math.min(bufferCount, Math.ceil(excluded[pair]! / geometry.bufferBytes));
    const isToEnd = endBytes >= geometry.sizeBytes;
    const endIndex = isToEnd ? bufferCount : Math.floor(endBytes / geometry.bufferBytes);
    if (endIndex <= firstIndex) continue;
    addRun(firstIndex);
    nextIndex = endIndex;
  }
  addRun(bufferCount);
  return coverageOf(runs, position);
}

/** Examined buffers without a gap. */
interface Run {
  readonly firstIndex: number;
  readonly endIndex: number;
  /** Position of the first. */
  readonly position: number;
}

function coverageOf(runs: readonly Run[], bufferCount: number): Coverage {
  /** The run before the first one that `isBehind` accepts. It accepts all runs from there on. */
  const lastRunBefore = (isBehind: (run: Run) => boolean): Run | undefined =>
    runs[firstIndexWhere(runs.length, (index) => isBehind(runs[index]!)) - 1];
  const runAt = (position: number): Run => lastRunBefore((run) => run.position > position)!;
  return {
    bufferCount,
    indexAt: (position) => {
      const run = runAt(position);
      return run.firstIndex + position - run.position;
    },
    runLengthAt: (position) => {
      const run = runAt(position);
      return run.endIndex - run.firstIndex - (position - run.position);
    },
    positionOf: (index) => {
      const run = lastRunBefore(({ firstIndex }) => firstIndex >= index);
      return run === undefined ? 0 : run.position + Math.min(index, run.endIndex) - run.firstIndex;
    },
  };
}

/** The examined ranges, in order, with neighbouring buffers joined, in pieces of at most `mostBytes`. */
export function* rangesOf(
  coverage: Coverage,
  geometry: Geometry,
  mostBytes: number,
): Generator<Extent, void> {
  let position = 0;
  while (position < coverage.bufferCount) {
    const runLength = coverage.runLengthAt(position);
    const first = bufferExtentOf(geometry, coverage.indexAt(position));
    const last = bufferExtentOf(geometry, coverage.indexAt(position + runLength - 1));
    const lengthBytes = last.offsetBytes + last.lengthBytes - first.offsetBytes;
    yield* cut({ offsetBytes: first.offsetBytes, lengthBytes }, mostBytes);
    position += runLength;
  }
}
