import { expect } from 'vitest';
import { runCommand } from '../../rig/processes/command.ts';

/** Writes a file to the disk and drops it from the page cache. */
export async function dropCache(path: string): Promise<void> {
  const words = [`of=${path}`, 'if=/dev/null', 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'];
  expect(await runCommand('dd', [...words, 'status=none'])).toMatchObject({ exitCode: 0 });
}

/** The bytes of a file that are in the page cache. */
export async function cachedBytes(path: string): Promise<number> {
  const { stdout } = await runCommand('fincore', ['--bytes', '--raw', '--noheadings', '--output=RES', path]);
  return Number(stdout);
}
