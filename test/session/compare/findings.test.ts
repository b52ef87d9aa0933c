import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinNeighbours, totalBytes } from '../../../src/digest/extent.ts';
import { bounds } from '../../../src/limits.ts';
import { Findings, FindingsByBuffer } from '../../../src/session/compare/findings.ts';
import { ascendingExtents } from '../../support/extents.ts';

const ascending = ascendingExtents(60, 2, 5);

test('findings count every byte and every range, join adjacent ranges, and list the first ones', () => {
  fc.assert(
    fc.property(ascending, fc.array(fc.nat({ max: 7 }), { maxLength: 60 }), (extents, batches) => {
      const findings = new Findings();
      const rest = [...extents];
      for (const size of batches) findings.add(rest.splice(0, size));
      findings.add(rest);
      const joined = joinNeighbours(extents);
      expect(findings.differingBytes).toBe(totalBytes(extents));
      expect(findings.differingRangeCount).toBe(joined.length);
      expect(findings.differingRanges).toEqual(joined.slice(0, bounds.reportedRanges));
    }),
  );
});

test('the last listed range extends as long as the bytes differ', () => {
  const findings = new Findings();
  for (let index = 0; index < bounds.reportedRanges; index++) {
    findings.add([{ offsetBytes: index * 10, lengthBytes: 1 }]);
  }
  const lastOffset = (bounds.reportedRanges - 1) * 10;
  findings.add([{ offsetBytes: lastOffset + 1, lengthBytes: 4 }]);
  findings.add([{ offsetBytes: lastOffset + 7, lengthBytes: 1 }]);
  expect(findings.differingRanges.at(-1)).toEqual({ offsetBytes: lastOffset, lengthBytes: 5 });
  expect(findings.differingRangeCount).toBe(bounds.reportedRanges + 1);
});

test('the findings of parts add up to those of the whole, wherever the parts are divided', () => {
  fc.assert(
    fc.property(ascending, fc.array(fc.nat({ max: 7 }), { maxLength: 60 }), (extents, sizes) => {
      const whole = new Findings();
      whole.add(extents);
      const parts = new Findings();
      const rest = [...extents];
      for (const size of [...sizes, extents.length]) {
        const part = new Findings();
        part.add(rest.splice(0, size));
        parts.append(part);
      }
      parts.append(new Findings());
      expect(parts).toEqual(whole);
    }),
  );
});

test('the findings of buffers add up to those of the whole, and are reported buffer by buffer', () => {
  const bufferBytes = 10;
  const extents = [1, 5, 9, 10, 15, 32].map((offsetBytes) => ({ offsetBytes, lengthBytes: 1 }));
  const found = FindingsByBuffer.joined([
    FindingsByBuffer.of(extents.slice(0, 2), bufferBytes),
    FindingsByBuffer.of(extents.slice(2), bufferBytes),
  ]);
  expect([0, 1, 2, 3].map((index) => found.inBuffer(index)?.differingBytes)).toEqual([3, 2, undefined, 1]);
  const [whole, joined] = [new Findings(), new Findings()];
  whole.add(extents);
  for (const index of [0, 1, 3]) joined.append(found.inBuffer(index)!);
  expect(joined).toEqual(whole);
  expect(joined.differingRanges).toContainEqual({ offsetBytes: 9, lengthBytes: 2 });
});
