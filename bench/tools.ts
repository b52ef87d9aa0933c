import { copyFileSync, chmodSync, existsSync, symlinkSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { makeTemporaryDirectory } from '../rig/temporary.ts';

export function findOnPath(tool: string): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter);
  return directories.map((directory) => join(directory, tool)).find((path) => existsSync(path));
}

/**
 * Makes a new first directory of the PATH and installs Basyn there. It is a copy, so that a concurrent build
 * does not change what is measured.
 */
export function installBasyn(): string {
  const { path } = makeTemporaryDirectory('bench');
  const program = join(path, 'basyn.cjs');
  copyFileSync(resolve(import.meta.dirname, '../dist/basyn.cjs'), program);
  chmodSync(program, 0o755);
  // As npm installs it.
  symlinkSync(program, join(path, 'basyn'));
  process.env.PATH = [path, process.env.PATH].join(delimiter);
  return path;
}
