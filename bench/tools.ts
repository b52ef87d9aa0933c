import { copyFileSync, chmodSync, existsSync, symlinkSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { makeTemporaryDirectory } from '../rig/temporary.ts';

export function findOnPath(tool: string): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter);
  return directories.map((directory) => join(directory, tool)).find((path) => existsSync(path));
}

/**
 * Makes a directory that is the first of the PATH from now on, and installs us there. It is a copy: a build
 * that somebody makes meanwhile is not what is measured.
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
