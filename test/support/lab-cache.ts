import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const cacheDirectory = join(homedir(), '.cache', 'basyn-lab');

/**
 * A directory of the user's cache that is filled once. If what `fill` makes changes, it needs a new name.
 *
 * @returns the path of the directory.
 */
export function filledOnce(name: string, fill: (directory: string) => void): string {
  const place = join(cacheDirectory, name);
  if (existsSync(place)) return place;
  mkdirSync(cacheDirectory, { recursive: true });
  const directory = mkdtempSync(join(cacheDirectory, 'filling-'));
  try {
    fill(directory);
    moveTo(place, directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return place;
}

/** Another process may have done the same in the meantime. Then its directory is kept. */
function moveTo(place: string, directory: string): void {
  try {
    renameSync(directory, place);
  } catch (error) {
    if (!existsSync(place)) throw error;
  }
}
