import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';

/** The project's files that each file imports, including imports of types. Paths begin at the project's root. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

const root = resolve(import.meta.dirname, '../..');

/** The graph of all TypeScript files in these directories. */
export function readImportGraph(directories: readonly string[]): ImportGraph {
  return new Map(directories.flatMap(programsIn).map((file) => [file, importsOf(file)]));
}

/** The test files that need one of these files, directly or through others. */
export function testFilesThatNeed(isNeeded: (file: string) => boolean): string[] {
  const graph = readImportGraph(['test', 'rig']);
  return testFilesIn(graph).filter((file) => [...reachableFrom(file, graph)].some(isNeeded));
}

/** The test files that need none of these files. */
export function testFilesWithout(isNeeded: (file: string) => boolean): string[] {
  const needing = new Set(testFilesThatNeed(isNeeded));
  return testFilesIn(readImportGraph(['test'])).filter((file) => !needing.has(file));
}

function testFilesIn(graph: ImportGraph): string[] {
  return [...graph.keys()].filter((file) => file.endsWith('.test.ts'));
}

/** All files that this one needs, directly or through others, and itself. */
function reachableFrom(file: string, graph: ImportGraph): ReadonlySet<string> {
  const reached = new Set([file]);
  for (const next of reached) graph.get(next)?.forEach((imported) => reached.add(imported));
  return reached;
}

/** The TypeScript files below a directory, from the project's root, without those of packages. */
export function programsIn(directory: string): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : programsIn(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

function importsOf(file: string): string[] {
  const code = readFileSync(join(root, file), 'utf8');
  const specifiers = [...code.matchAll(/^(?:import|export|\}) .*?from '(\.[^']+)';$/gm)];
  return specifiers.map(([, specifier = '']) => normalize(join(dirname(file), specifier)));
}
