import { accessSync, constants, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';

/** A directory in memory where the machine has one, so that a test's many flushes cost nothing. */
export const memoryDirectory = isWritable('/dev/shm') ? '/dev/shm' : undefined;

/** A directory that is gone after the test. */
export function scratchDirectory(parent?: string): string {
  const directory = makeTemporaryDirectory('test', parent);
  onTestFinished(() => directory.remove());
  return directory.path;
}

/** A file that is gone after the test. */
export function scratchFile(bytes: Uint8Array, name = 'disk.img', directory = scratchDirectory()): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
