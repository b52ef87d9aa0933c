import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
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

/** A directory in memory if the machine has one, so that the many flushes of a test take no time. */
export const memoryDirectory =
  process.env.BASYN_TEST_MEMORY ?? (isWritable('/dev/shm') ? '/dev/shm' : undefined);

/** A new directory that is removed at exit, or before it by `remove`. */
export interface TemporaryDirectory {
  readonly path: string;
  remove(): void;
}

export function makeTemporaryDirectory(name: string, parent = tmpdir()): TemporaryDirectory {
  const path = mkdtempSync(join(parent, `basyn-${name}-`));
  return { path, remove: atExit(() => rmSync(path, { recursive: true, force: true })) };
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
