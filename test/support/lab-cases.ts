import type { Parameters } from 'fast-check';

/** Set by `npm run test:lab`: whole matrices, and hundreds of random cases. `npm test` runs a fixed selection. */
const isLab = process.env.BASYN_TEST_LAB !== undefined;

/** Set by `npm run test:quick`, which runs fewer cases still. */
const isQuick = process.env.BASYN_TEST_QUICK !== undefined;

/** The number of cases that `npm test` runs. The laboratory runs hundreds. */
export const fewCases = isQuick ? 5 : 20;

/** The selected cases of a matrix, or all of them in the laboratory. */
export function casesOf<T>(all: readonly T[], isSelected: (each: T) => boolean): T[] {
  return isLab ? [...all] : all.filter(isSelected);
}

/** The number of cases to draw. Of cases that take many seconds each, `npm test` has fewer. */
export function caseCount(inLab: number, inShort = fewCases): number {
  return isLab ? inLab : inShort;
}

/** Parameters of a property: always the same few cases, or in the laboratory many cases that differ each time. */
export function propertyCases<T>(inLab: number): Parameters<T> {
  return isLab ? { numRuns: inLab } : { numRuns: fewCases, seed: 1 };
}
