import { expect } from 'vitest';
import { joinNeighbours, totalBytes, type Extent } from '../../src/digest/extent.ts';
import type { ExtentFact, ExtentKind, PhaseName } from '../../src/report.ts';

/** The facts of one kind in a phase, with neighbours joined. In a run of one attempt, they ascend without overlap. */
export function extentsOf(facts: readonly ExtentFact[], phase: PhaseName, kind: ExtentKind): Extent[] {
  const extents = facts
    .filter((fact) => fact.phase === phase && fact.kind === kind)
    .map(({ offsetBytes, lengthBytes }) => ({ offsetBytes, lengthBytes }));
  if (kind === 'zero') return extents;
  extents.reduce((endBytes, { offsetBytes, lengthBytes }) => {
    expect(offsetBytes).toBeGreaterThanOrEqual(endBytes);
    return offsetBytes + lengthBytes;
  }, 0);
  return joinNeighbours(extents);
}

/** All that is in at least one of the facts of a kind, with neighbours joined. */
export function unionOf(facts: readonly ExtentFact[], phase: PhaseName, kind: ExtentKind): Extent[] {
  const union: Extent[] = [];
  const all = facts.filter((fact) => fact.phase === phase && fact.kind === kind);
  for (const { offsetBytes, lengthBytes } of all.sort((a, b) => a.offsetBytes - b.offsetBytes)) {
    const last = union.at(-1);
    const endBytes = last === undefined ? -1 : last.offsetBytes + last.lengthBytes;
    if (last === undefined || offsetBytes > endBytes) {
      union.push({ offsetBytes, lengthBytes });
    } else {
      const newEndBytes = Math.max(endBytes, offsetBytes + lengthBytes);
      union[union.length - 1] = { ...last, lengthBytes: newEndBytes - last.offsetBytes };
    }
  }
  return union;
}

/** Each range is zero in these bytes. */
export function expectZero(extents: readonly Extent[], bytes: Buffer): void {
  for (const { offsetBytes, lengthBytes } of extents) {
    const part = bytes.subarray(offsetBytes, offsetBytes + lengthBytes);
    expect(part.equals(Buffer.alloc(lengthBytes))).toBe(true);
  }
  expect(totalBytes(extents)).toBeLessThanOrEqual(2 * bytes.length);
}
