/** The candidate that was most likely meant by `word`: a near miss in spelling, or an unfinished name. */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  const nearest = candidates
    .map((candidate) => ({ candidate, edits: editDistance(word, candidate) }))
    .sort((one, other) => one.edits - other.edits)[0];
  const tolerance = word.length < 4 ? 1 : 2;
  if (nearest !== undefined && word.length > 1 && nearest.edits <= tolerance) return nearest.candidate;
  return word.length > 1 ? candidates.find((candidate) => candidate.startsWith(word)) : undefined;
}

/** Fewest insertions, deletions and replacements that turn one word into the other. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = previous[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[to.length]!;
}
