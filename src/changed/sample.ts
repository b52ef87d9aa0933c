import { randomInt } from 'node:crypto';
import type { Geometry } from '../digest/geometry.ts';
import { bufferCountOf } from '../digest/geometry.ts';
import { coverageOfRuns, runsOf, type Coverage } from '../session/coverage.ts';
import { RunCollector } from '../session/run-collector.ts';
import { bounds } from '../limits.ts';

/** What a coverage leaves out. */
export function complementOf(coverage: Coverage, geometry: Geometry): Coverage {
  const runs: number[] = [];
  let nextIndex = 0;
  const add = (toIndex: number): void => {
    if (toIndex > nextIndex) runs.push(nextIndex, toIndex - nextIndex);
  };
  for (const { firstIndex, endIndex } of runsOf(coverage)) {
    add(firstIndex);
    nextIndex = endIndex;
  }
  add(bufferCountOf(geometry));
  return coverageOfRuns(Float64Array.from(runs));
}

/**
 * Random buffers that a coverage leaves out, of about `sampleBytes` in all. The places can't be foreseen.
 *
 * @returns all of these buffers if they are not more than that.
 */
export function sampleOutside(coverage: Coverage, geometry: Geometry, sampleBytes: number): Coverage {
  const rest = complementOf(coverage, geometry);
  const wanted = Math.ceil(sampleBytes / geometry.bufferBytes);
  const placeBuffers = Math.ceil(wanted / bounds.samplePlaces);
  const collector = new RunCollector(geometry);
  if (rest.bufferCount <= wanted) {
    collector.addCoverage(rest);
    return collector.coverage();
  }
  const placeCount = Math.floor(rest.bufferCount / placeBuffers);
  const places = new Set<number>();
  while (places.size < Math.min(placeCount, Math.ceil(wanted / placeBuffers)))
    places.add(randomInt(placeCount));
  for (const place of places) {
    for (let buffer = 0; buffer < placeBuffers; buffer++) {
      const index = rest.indexAt(place * placeBuffers + buffer);
      collector.add(index, index + 1);
    }
  }
  return collector.coverage();
}
