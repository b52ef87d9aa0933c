import { copyFileSync, chmodSync, existsSync, symlinkSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { makeTemporaryDirectory } from '../rig/temporary.ts';

/** Another build of Basyn, to be measured in the same run. */
export interface Build {
  readonly name: string;
  /** Its `dist/basyn.cjs`. */
  readonly path: string;
}

/** The command under which a build is installed. */
export function commandOf({ name }: Build): string {
  return `basyn-${name}`;
}

export function findOnPath(tool: string): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter);
  return directories.map((directory) => join(directory, tool)).find((path) => existsSync(path));
}

/**
 * Makes a new first directory of the PATH and installs Basyn and other builds of it there. They are copies, so that a
 * concurrent build does not change what is measured.
 */
export function installBasyn(builds: readonly Build[]): string {
  const { path } = makeTemporaryDirectory('bench');
  installProgram(path, 'basyn', resolve(import.meta.dirname, '../dist/basyn.cjs'));
  for (const build of builds) installProgram(path, commandOf(build), build.path);
  process.env.PATH = [path, process.env.PATH].join(delimiter);
  return path;
}

function installProgram(directory: string, command: string, program: string): void {
  const copy = join(directory, `${command}.cjs`);
  copyFileSync(program, copy);
  chmodSync(copy, 0o755);
  // As npm installs it.
  symlinkSync(copy, join(directory, command));
}
