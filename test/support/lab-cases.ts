import type { Parameters } from 'fast-check';

/** Set by `npm run test:lab`: whole matrices, and hundreds of random cases. `npm test` runs a fixed selection. */
const isLab = process.env.BASYN_TEST_LAB !== undefined;

/** How many cases `npm test` runs of what the laboratory runs hundreds of. */
export const fewCases = 20;

/** These cases of a matrix, or in the laboratory all of them. */
export function casesOf<T>(all: readonly T[], isSelected: (each: T) => boolean): T[] {
  return isLab ? [...all] : all.filter(isSelected);
}

/** How many cases to draw. */
export function caseCount(inLab: number): number {
  return isLab ? inLab : fewCases;
}

/** Parameters of a property: always the same few cases, or in the laboratory many, other ones each time. */
export function propertyCases<T>(inLab: number): Parameters<T> {
  return isLab ? { numRuns: inLab } : { numRuns: fewCases, seed: 1 };
}
