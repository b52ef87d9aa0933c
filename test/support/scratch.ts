import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';

export { memoryDirectory } from '../../rig/temporary.ts';

/** A directory that is removed after the test. */
export function scratchDirectory(parent?: string): string {
  const directory = makeTemporaryDirectory('test', parent);
  onTestFinished(() => directory.remove());
  return directory.path;
}

/** A file that is removed after the test. */
export function scratchFile(bytes: Uint8Array, name = 'disk.img', directory = scratchDirectory()): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}
