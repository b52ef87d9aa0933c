import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cut, joinNeighbours, totalBytes, type Extent } from '../../src/digest/extent.ts';
import {
  blockBytesOf,
  bufferCountOf,
  bufferExtentOf,
  differingExtents,
  geometryOf,
  stepCountOf,
  type Geometry,
} from '../../src/digest/geometry.ts';
import { bounds } from '../../src/limits.ts';
import { ascendingExtents } from '../support/extents.ts';
import { differingChunks } from '../support/naive.ts';

const KiB = 1024;

/** Buffers and chunks in any relation: equal, divisible, and not divisible. */
const sizes = fc
  .record({
    bufferBytes: fc.oneof(
      fc.integer({ min: 1, max: 3000 }),
      fc.constantFrom(KiB, 64 * KiB, 100 * KiB, 2048 * KiB, bounds.maxBufferBytes),
    ),
    share: fc.integer({ min: 1, max: 100 }),
  })
  .map(({ bufferBytes, share }) => ({
    bufferBytes,
    chunkBytes: Math.max(1, Math.floor(bufferBytes / share)),
  }));

/** The same, small enough to examine every byte. */
const smallGeometry = fc
  .tuple(
    fc.integer({ min: 0, max: 4000 }),
    fc.integer({ min: 1, max: 1500 }),
    fc.integer({ min: 1, max: 1500 }),
  )
  .map(([sizeBytes, bufferBytes, chunkBytes]) =>
    geometryOf(sizeBytes, bufferBytes, Math.min(bufferBytes, chunkBytes)),
  );

describe('a geometry', () => {
  test('has nested steps, each a multiple of the next, from the block down to the requested chunk', () => {
    fc.assert(
      fc.property(sizes, ({ bufferBytes, chunkBytes }) => {
        const { stepsBytes } = geometryOf(0, bufferBytes, chunkBytes);
        expect(stepsBytes.at(-1)).toBe(chunkBytes);
        for (const [index, finer] of stepsBytes.slice(1).entries()) {
          expect(stepsBytes[index]! % finer).toBe(0);
          expect(stepsBytes[index]).toBeGreaterThan(finer);
          expect(stepsBytes[index]! / finer).toBeLessThanOrEqual(bounds.refineFanOut);
        }
        const largest = Math.max(chunkBytes, Math.min(bufferBytes, bounds.blockBytes));
        expect(stepsBytes[0]).toBeLessThanOrEqual(largest);
      }),
    );
  });

  test('has buffers that cover every byte exactly once, in order, and only the last may be short', () => {
    fc.assert(
      fc.property(smallGeometry, (geometry) => {
        const buffers = buffersOf(geometry);
        expectCover(buffers, geometry.sizeBytes);
        expect(buffers.slice(0, -1).every(({ lengthBytes }) => lengthBytes === geometry.bufferBytes)).toBe(
          true,
        );
      }),
    );
  });

  test('has steps at each level that cover every byte exactly once and do not cross a buffer', () => {
    fc.assert(
      fc.property(smallGeometry, (geometry) => {
        const buffers = buffersOf(geometry);
        for (const stepBytes of geometry.stepsBytes) {
          const steps = buffers.flatMap((buffer) => [...cut(buffer, stepBytes)]);
          expectCover(steps, geometry.sizeBytes);
          expect(steps).toHaveLength(stepCountOf(buffers, stepBytes));
          const bufferOf = (atBytes: number): number => Math.floor(atBytes / geometry.bufferBytes);
          const isInside = ({ offsetBytes, lengthBytes }: Extent): boolean =>
            bufferOf(offsetBytes) === bufferOf(offsetBytes + lengthBytes - 1);
          expect(steps.every(isInside)).toBe(true);
        }
      }),
    );
  });

  test('hashes a buffer of 2 MiB in blocks of 64 KiB, and narrows them down to 4 KiB', () => {
    expect(geometryOf(0, 2048 * KiB, 4 * KiB).stepsBytes).toEqual([64 * KiB, 4 * KiB]);
  });
});

describe('the geometry of two devices that differ', () => {
  /** A device, and another that differs from it in some bytes. */
  const devices = smallGeometry.chain((geometry) =>
    fc.array(fc.nat({ max: Math.max(0, geometry.sizeBytes - 1) }), { maxLength: 6 }).map((changes) => {
      const source = Buffer.alloc(geometry.sizeBytes);
      const target = Buffer.from(source);
      for (const at of changes) if (at < target.length) target[at]! ^= 1;
      return { geometry, source, target };
    }),
  );

  test('finds exactly the steps that differ by the digests of one level', () => {
    fc.assert(
      fc.property(devices, fc.nat(), ({ geometry, source, target }, level) => {
        const stepBytes = geometry.stepsBytes[level % geometry.stepsBytes.length]!;
        const buffers = buffersOf(geometry);
        const found = differingExtents(buffers, {
          stepBytes,
          digestBytes: 20,
          source: digestsOf(source, buffers, stepBytes),
          target: digestsOf(target, buffers, stepBytes),
        });
        expect(joinNeighbours(found)).toEqual(
          differingChunks(source, target, geometry.bufferBytes, stepBytes),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('finds exactly the chunks that differ, level by level, without narrowing equal steps', () => {
    fc.assert(
      fc.property(devices, ({ geometry, source, target }) => {
        let differing = buffersOf(geometry);
        for (const stepBytes of geometry.stepsBytes) {
          differing = differingExtents(differing, {
            stepBytes,
            digestBytes: 20,
            source: digestsOf(source, differing, stepBytes),
            target: digestsOf(target, differing, stepBytes),
          });
        }
        const chunkBytes = geometry.stepsBytes.at(-1)!;
        expect(joinNeighbours(differing)).toEqual(
          differingChunks(source, target, geometry.bufferBytes, chunkBytes),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('treats digests that differ only in their last byte as different', () => {
    const extents = [{ offsetBytes: 100, lengthBytes: 25 }];
    const differing = (target: Buffer): Extent[] =>
      differingExtents(extents, { stepBytes: 10, digestBytes: 2, source: Buffer.alloc(6), target });
    expect(differing(Buffer.from([0, 0, 0, 1, 0, 0]))).toEqual([{ offsetBytes: 110, lengthBytes: 10 }]);
    expect(differing(Buffer.from([0, 0, 0, 0, 0, 1]))).toEqual([{ offsetBytes: 120, lengthBytes: 5 }]);
  });

  test('joins adjacent steps within a requested range, but not across ranges', () => {
    const extents = [
      { offsetBytes: 0, lengthBytes: 20 },
      { offsetBytes: 20, lengthBytes: 10 },
    ];
    const [source, target] = [Buffer.from([1, 1, 1]), Buffer.alloc(3)];
    expect(differingExtents(extents, { stepBytes: 10, digestBytes: 1, source, target })).toEqual(extents);
  });
});

describe('extents', () => {
  const extents = ascendingExtents(20, 20, 20);

  test('are joined into the smallest number of extents with the same bytes', () => {
    fc.assert(
      fc.property(extents, (given) => {
        const joined = joinNeighbours(given);
        expect(bytesOf(joined)).toEqual(bytesOf(given));
        expect(totalBytes(joined)).toBe(totalBytes(given));
        const touches = joined.some(
          (extent, index) => index > 0 && endOf(joined[index - 1]!) === extent.offsetBytes,
        );
        expect(touches).toBe(false);
      }),
    );
  });

  test('are joined only if they are then cut into the same steps', () => {
    fc.assert(
      fc.property(extents, fc.integer({ min: 1, max: 5 }), (given, stepBytes) => {
        const joined = joinNeighbours(given, stepBytes);
        const stepsOf = (some: readonly Extent[]): Extent[] =>
          some.flatMap((extent) => [...cut(extent, stepBytes)]);
        expect(stepsOf(joined)).toEqual(stepsOf(given));
        const isJoinable = joined.some(
          (extent, index) =>
            index > 0 &&
            endOf(joined[index - 1]!) === extent.offsetBytes &&
            joined[index - 1]!.lengthBytes % stepBytes === 0,
        );
        expect(isJoinable).toBe(false);
      }),
    );
  });

  test('are cut into steps with the same bytes, of full length except the last', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 50 }),
        fc.nat({ max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        (offsetBytes, lengthBytes, stepBytes) => {
          const steps = [...cut({ offsetBytes, lengthBytes }, stepBytes)];
          expect(bytesOf(steps)).toEqual(bytesOf([{ offsetBytes, lengthBytes }]));
          expect(steps.slice(0, -1).every((step) => step.lengthBytes === stepBytes)).toBe(true);
          expect(steps).toHaveLength(Math.ceil(lengthBytes / stepBytes));
        },
      ),
    );
  });
});

test('the first step is the block that a first pass hashes', () => {
  expect(blockBytesOf(geometryOf(0, 100 * KiB, 3 * KiB))).toBe(48 * KiB);
});

function buffersOf(geometry: Geometry): Extent[] {
  return Array.from({ length: bufferCountOf(geometry) }, (_, index) => bufferExtentOf(geometry, index));
}

function expectCover(extents: readonly Extent[], sizeBytes: number): void {
  let endBytes = 0;
  for (const { offsetBytes, lengthBytes } of extents) {
    expect(offsetBytes).toBe(endBytes);
    expect(lengthBytes).toBeGreaterThan(0);
    endBytes += lengthBytes;
  }
  expect(endBytes).toBe(sizeBytes);
}

function digestsOf(device: Buffer, extents: readonly Extent[], stepBytes: number): Buffer {
  const steps = extents.flatMap((extent) => [...cut(extent, stepBytes)]);
  return Buffer.concat(
    steps.map((step) =>
      createHash('sha1')
        .update(device.subarray(step.offsetBytes, endOf(step)))
        .digest(),
    ),
  );
}

function bytesOf(extents: readonly Extent[]): number[] {
  return extents.flatMap(({ offsetBytes, lengthBytes }) =>
    Array.from({ length: lengthBytes }, (_, index) => offsetBytes + index),
  );
}

function endOf({ offsetBytes, lengthBytes }: Extent): number {
  return offsetBytes + lengthBytes;
}
