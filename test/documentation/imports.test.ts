import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './markdown.fixture.ts';

test('no file imports itself through others, not even its types', () => {
  // The linter's rule on cycles does not see imports of types.
  const imports = importsOf(['src', 'rig', 'scripts', 'bench', 'test'].flatMap(programsIn));
  expect(imports.size).toBeGreaterThan(250);
  expect(cyclesIn(imports)).toEqual([]);
});

test('a cycle of three files is found', () => {
  const imports = new Map([
    ['a.ts', ['b.ts']],
    ['b.ts', ['c.ts', 'd.ts']],
    ['c.ts', ['a.ts']],
    ['d.ts', []],
  ]);
  expect(cyclesIn(imports)).toEqual(['a.ts → b.ts → c.ts → a.ts']);
});

function programsIn(directory: string): string[] {
  const names = readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' });
  const ours = names.filter((name) => name.endsWith('.ts') && !name.includes('node_modules'));
  return ours.map((name) => join(directory, name));
}

function importsOf(files: readonly string[]): Map<string, string[]> {
  return new Map(
    files.map((file) => {
      const code = readFileSync(join(root, file), 'utf8');
      const specifiers = [...code.matchAll(/^(?:import|export|\}) .*?from '(\.[^']+)';$/gm)];
      return [file, specifiers.map(([, specifier = '']) => normalize(join(dirname(file), specifier)))];
    }),
  );
}

function cyclesIn(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const finished = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push([...path.slice(start), file].join(' → '));
    if (start >= 0 || finished.has(file)) return;
    for (const imported of imports.get(file) ?? []) visit(imported, [...path, file]);
    finished.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return cycles;
}
