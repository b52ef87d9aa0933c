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
  const endIndex = bufferCountOf(geometry);
  const bufferCount = endIndex - firstIndex;
  return {
    bufferCount,
    indexAt: (position) => firstIndex + position,
    runLengthAt: (position) => bufferCount - position,
    positionOf: (index) => Math.max(0, Math.min(index, endIndex) - firstIndex),
  };
}

/**
 * Examines runs of buffers.
 *
 * @param runs the first index and the number of buffers of one run after the other, in ascending order, with at least one
 *   buffer in each run and in each gap.
 */
export function coverageOfRuns(runs: BufferRuns): Coverage {
  const runCount = runs.length / 2;
  /** The position of the first buffer of each run. */
  const positions = new Float64Array(runCount);
  let bufferCount = 0;
  for (let run = 0; run < runCount; run++) {
    positions[run] = bufferCount;
    bufferCount += runs[2 * run + 1]!;
  }
  /** The last run before the first one that `isBehind` accepts, or -1. It accepts all runs from there on. */
  const lastRunBefore = (isBehind: (run: number) => boolean): number =>
    firstIndexWhere(runCount, isBehind) - 1;
  const runAt = (position: number): number => lastRunBefore((run) => positions[run]! > position);
  return {
    bufferCount,
    indexAt: (position) => {
      const run = runAt(position);
      return runs[2 * run]! + position - positions[run]!;
    },
    runLengthAt: (position) => {
      const run = runAt(position);
      return runs[2 * run + 1]! - (position - positions[run]!);
    },
    positionOf: (index) => {
      const run = lastRunBefore((candidate) => runs[2 * candidate]! >= index);
      return run < 0 ? 0 : positions[run]! + Math.min(index - runs[2 * run]!, runs[2 * run + 1]!);
    },
  };
}

/** Runs of buffers without a gap: the first index and the number of buffers of each, in ascending order. */
export type BufferRuns = Float64Array;

/** The runs of a coverage, with the first index of each and the index behind it. */
export function* runsOf(
  coverage: Coverage,
): Generator<{ readonly firstIndex: number; readonly endIndex: number }, void> {
  let position = 0;
  while (position < coverage.bufferCount) {
    const firstIndex = coverage.indexAt(position);
    const runLength = coverage.runLengthAt(position);
    yield { firstIndex, endIndex: firstIndex + runLength };
    position += runLength;
  }
}

/** The ranges behind an offset that are not examined, in order. */
export function* gapsOf(
  coverage: Coverage,
  { bufferBytes, sizeBytes }: Geometry,
  fromBytes: number,
): Generator<Extent, void> {
  let atBytes = fromBytes;
  for (const { firstIndex, endIndex } of runsOf(coverage)) {
    const startBytes = firstIndex * bufferBytes;
    if (startBytes > atBytes) yield { offsetBytes: atBytes, lengthBytes: startBytes - atBytes };
    atBytes = Math.max(atBytes, endIndex * bufferBytes);
  }
  if (sizeBytes > atBytes) yield { offsetBytes: atBytes, lengthBytes: sizeBytes - atBytes };
}

/** The part of a coverage from a buffer on. */
export function fromBuffer(coverage: Coverage, firstIndex: number): Coverage {
  const skippedCount = coverage.positionOf(firstIndex);
  if (skippedCount === 0) return coverage;
  return {
    bufferCount: coverage.bufferCount - skippedCount,
    indexAt: (position) => coverage.indexAt(skippedCount + position),
    runLengthAt: (position) => coverage.runLengthAt(skippedCount + position),
    positionOf: (index) => Math.max(0, coverage.positionOf(index) - skippedCount),
  };
}

/** Whether a buffer is examined. */
export function isExamined(coverage: Coverage, index: number): boolean {
  return coverage.positionOf(index + 1) > coverage.positionOf(index);
}

/** The bytes of the examined buffers in front of an offset, which lies within the device. */
export function examinedBytesBefore(coverage: Coverage, geometry: Geometry, offsetBytes: number): number {
  const index = Math.floor(offsetBytes / geometry.bufferBytes);
  const wholeBytes = coverage.positionOf(index) * geometry.bufferBytes;
  const restBytes = offsetBytes - index * geometry.bufferBytes;
  return restBytes > 0 && isExamined(coverage, index) ? wholeBytes + restBytes : wholeBytes;
}

/**
 * The same coverage without the buffers that an excluded range covers completely.
 *
 * @param excluded start and end in bytes of one range after the other, in ascending order.
 */
export function withoutRanges(coverage: Coverage, geometry: Geometry, excluded: Float64Array): Coverage {
  const { bufferBytes, sizeBytes } = geometry;
  const bufferCount = bufferCountOf(geometry);
  const firstOf = (pair: number): number => Math.ceil(excluded[pair]! / bufferBytes);
  const endOf = (pair: number): number =>
    excluded[pair + 1]! >= sizeBytes ? bufferCount : Math.floor(excluded[pair + 1]! / bufferBytes);
  const runs: number[] = [];
  let pair = 0;
  for (const { firstIndex, endIndex } of runsOf(coverage)) {
    let nextIndex = firstIndex;
    const keep = (toIndex: number): void => {
      if (toIndex > nextIndex) runs.push(nextIndex, toIndex - nextIndex);
    };
    for (; pair < excluded.length && firstOf(pair) < endIndex; pair += 2) {
      // The range covers no buffer, or it ends before the rest of the run begins.
      if (endOf(pair) <= Math.max(firstOf(pair), nextIndex)) continue;
      keep(firstOf(pair));
      nextIndex = endOf(pair);
      // It may also cover a part of the next run.
      if (nextIndex > endIndex) break;
    }
    keep(endIndex);
  }
  return coverageOfRuns(Float64Array.from(runs));
}

/** The examined ranges, in order, with neighbouring buffers joined, in pieces of at most `mostBytes`. */
export function* rangesOf(
  coverage: Coverage,
  geometry: Geometry,
  mostBytes: number,
): Generator<Extent, void> {
  for (const { firstIndex, endIndex } of runsOf(coverage)) {
    const { offsetBytes } = bufferExtentOf(geometry, firstIndex);
    const last = bufferExtentOf(geometry, endIndex - 1);
    yield* cut({ offsetBytes, lengthBytes: last.offsetBytes + last.lengthBytes - offsetBytes }, mostBytes);
  }
}
