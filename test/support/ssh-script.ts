import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDirectory } from './scratch.ts';

/** An environment in which `ssh` is a shell script of these lines, in which `ssh` is the real one. */
export function environmentWithSsh(...lines: string[]): { PATH: string } {
  const directory = scratchDirectory();
  const script = ['#!/bin/sh', 'PATH=${PATH#*:}', ...lines, ''];
  writeFileSync(join(directory, 'ssh'), script.join('\n'), { mode: 0o755 });
  return { PATH: `${directory}:${process.env.PATH}` };
}
