import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { scratchDirectory } from './scratch.ts';

/**
 * Replaces all programs of this process by shell scripts, until the test ends. Those that are left out cannot be found, except
 * `cat` and `head`.
 */
export function usePrograms(scripts: Readonly<Record<string, string>>): void {
  const { PATH } = process.env;
  const directory = scratchDirectory();
  for (const name of ['head', 'cat']) copyFileSync(`/bin/${name}`, join(directory, name));
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  process.env.PATH = directory;
  onTestFinished(() => {
    process.env.PATH = PATH;
  });
}
