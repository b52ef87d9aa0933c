import type { Geometry } from '../../src/digest/geometry.ts';
import { rangesOf, type Coverage } from '../../src/session/coverage.ts';
import { RunCollector } from '../../src/session/run-collector.ts';
import type { Random } from '../../rig/images/random.ts';

/** Examines the buffers with these indexes, which are in ascending order. */
export function only(indexes: readonly number[]): Coverage {
  return {
    bufferCount: indexes.length,
    indexAt: (position) => indexes[position]!,
    runLengthAt: (position) => {
      let length = 1;
      while (indexes[position + length] === indexes[position]! + length) length++;
      return length;
    },
    positionOf: (index) => indexes.filter((examined) => examined < index).length,
  };
}

/** Some buffers of a device: none, a few, or most of them. */
export function randomCoverage(geometry: Geometry, random: Random): Coverage {
  const collector = new RunCollector(geometry);
  const { sizeBytes } = geometry;
  for (let count = random.below(25); count > 0; count--) {
    collector.addBytes(
      random.below(sizeBytes),
      1 + random.below(random.below(2) === 0 ? 100 : sizeBytes / 10),
    );
  }
  return collector.coverage();
}

/** The target after a run that made it equal to the source in the examined buffers only. */
export function repairedIn(coverage: Coverage, geometry: Geometry, source: Buffer, target: Buffer): Buffer {
  const repaired = Buffer.from(target);
  for (const { offsetBytes, lengthBytes } of rangesOf(coverage, geometry, Infinity)) {
    source.copy(repaired, offsetBytes, offsetBytes, offsetBytes + lengthBytes);
  }
  return repaired;
}
