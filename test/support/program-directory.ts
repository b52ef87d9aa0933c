import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDirectory } from './scratch.ts';

/** A directory for PATH that has node, what every run needs, and these programs. */
export function directoryOfPrograms(...programs: string[]): string {
  const directory = mkdtempSync(join(scratchDirectory(), 'bin-'));
  for (const program of ['node', 'dd', 'flock', 'losetup', ...programs]) {
    symlinkSync(locationOf(program), join(directory, program));
  }
  return directory;
}

/** Lets a program in such a directory append a line to a file whenever it is started. */
export function countStarts(directory: string, program: string, log: string): void {
  const path = join(directory, program);
  writeFileSync(path, `#!/bin/sh\necho started >> '${log}'\nexec '${locationOf(program)}' "$@"\n`);
  chmodSync(path, 0o755);
}

function locationOf(program: string): string {
  return execFileSync('which', [program], { encoding: 'utf8' }).trim();
}
