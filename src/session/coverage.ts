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
