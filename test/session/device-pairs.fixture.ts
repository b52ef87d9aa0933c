import fc from 'fast-check';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { makeRandom } from '../../rig/images/random.ts';

/** A source, and a target that may differ anywhere and be longer. */
export interface DevicePair {
  readonly source: Buffer;
  readonly target: Buffer;
}

const size = fc.oneof(fc.integer({ min: 1, max: 300_000 }), fc.constantFrom(1, 4096, 65_536, 131_072));

const change = fc.record({
  at: fc.nat(),
  lengthBytes: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 40_000 })),
  to: fc.constantFrom('noise', 'zeros'),
});

/**
 * Pairs of devices: stretches of noise, text and zeros, of any size; the target is a copy that was changed in
 * some places, or has nothing in common with the source, and extends beyond the source's end.
 */
export const devicePair: fc.Arbitrary<DevicePair> = fc
  .record({
    seed: fc.nat(),
    sizeBytes: size,
    tailBytes: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 70_000 })),
    changes: fc.oneof(fc.array(change, { maxLength: 8 }), fc.constant('everything' as const)),
  })
  .map(({ seed, sizeBytes, tailBytes, changes }) => {
    const source = mixedBytes(sizeBytes, seed);
    const copy = changes === 'everything' ? mixedBytes(sizeBytes, seed + 1) : Buffer.from(source);
    const random = makeRandom(seed + 2);
    if (changes !== 'everything' && sizeBytes > 0) {
      for (const { at, lengthBytes, to } of changes) {
        const part = copy.subarray(at % sizeBytes, (at % sizeBytes) + lengthBytes);
        if (to === 'noise') random.fill(part);
        else part.fill(0);
      }
    }
    const canary = Buffer.alloc(tailBytes);
    random.fill(canary);
    return { source, target: Buffer.concat([copy, canary]) };
  });
