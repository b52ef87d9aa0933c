import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../bundle.ts';
import { bashCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import { zshCompletion } from './zsh.ts';

/** By the name of the template, which is that of the file and `.in`. */
const makers = { 'basyn.bash': bashCompletion, _basyn: zshCompletion, 'basyn.fish': fishCompletion } as const;

/** The completions for bash, zsh and fish, by the names of their files. */
export async function completions(): Promise<Map<string, string>> {
  const made = Object.entries(makers).map(async ([name, make]) => {
    const template = await readFile(join(root, 'scripts/completion', `${name}.in`), 'utf8');
    return [name, make(template)] as const;
  });
  return new Map(await Promise.all(made));
}
