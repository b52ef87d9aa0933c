/**
 * Binary search.
 *
 * @param holds a condition on an index. From the first index that fulfils it, all do.
 * @returns the first index below `count` that fulfils it, or `count`.
 */
export function firstIndexWhere(count: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
