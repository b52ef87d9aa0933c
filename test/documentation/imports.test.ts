import { expect, test } from 'vitest';
import { readImportGraph, type ImportGraph } from '../support/import-graph.ts';

test('no file imports itself through other files, not even for types', () => {
  // The linter's rule on cycles does not see imports of types.
  const graph = readImportGraph(['src', 'rig', 'scripts', 'bench', 'test']);
  expect(graph.size).toBeGreaterThan(250);
  expect(cyclesIn(graph)).toEqual([]);
});

test('a cycle of three files is found', () => {
  const graph = new Map([
    ['a.ts', ['b.ts']],
    ['b.ts', ['c.ts', 'd.ts']],
    ['c.ts', ['a.ts']],
    ['d.ts', []],
  ]);
  expect(cyclesIn(graph)).toEqual(['a.ts → b.ts → c.ts → a.ts']);
});

function cyclesIn(graph: ImportGraph): string[] {
  const cycles: string[] = [];
  const finished = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push([...path.slice(start), file].join(' → '));
    if (start >= 0 || finished.has(file)) return;
    for (const imported of graph.get(file) ?? []) visit(imported, [...path, file]);
    finished.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
}
