import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';

/** The files of ours that each file imports, also for their types only. Paths begin at the project's root. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

const root = resolve(import.meta.dirname, '../..');

/** The graph of all TypeScript files in these directories. */
export function readImportGraph(directories: readonly string[]): ImportGraph {
  return new Map(directories.flatMap(programsIn).map((file) => [file, importsOf(file)]));
}

/** All files that this one needs, directly or through others, and itself. */
export function reachableFrom(file: string, graph: ImportGraph): ReadonlySet<string> {
  const reached = new Set([file]);
  for (const next of reached) graph.get(next)?.forEach((imported) => reached.add(imported));
  return reached;
}

function programsIn(directory: string): string[] {
  const names = readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => join(directory, name));
}

function importsOf(file: string): string[] {
  const code = readFileSync(join(root, file), 'utf8');
  const specifiers = [...code.matchAll(/^(?:import|export|\}) .*?from '(\.[^']+)';$/gm)];
  return specifiers.map(([, specifier = '']) => normalize(join(dirname(file), specifier)));
}
