import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const cleanUps = new Set<() => void>();

process.on('exit', () => {
  for (const cleanUp of cleanUps) cleanUp();
});

/**
 * Runs a synchronous clean-up when this process exits, unless the returned function has run it before.
 * It runs once.
 */
export function atExit(cleanUp: () => void): () => void {
  const once = (): void => {
    if (cleanUps.delete(once)) cleanUp();
  };
  cleanUps.add(once);
  return once;
}

/** A new directory that is removed at exit, or before it by `remove`. */
export interface TemporaryDirectory {
  readonly path: string;
  remove(): void;
}

export function makeTemporaryDirectory(name: string, parent = tmpdir()): TemporaryDirectory {
  const path = mkdtempSync(join(parent, `basyn-${name}-`));
  return { path, remove: atExit(() => rmSync(path, { recursive: true, force: true })) };
}
