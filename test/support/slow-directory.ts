import { mountView } from './fuse-view.ts';
import { scratchDirectory } from './scratch.ts';

/**
 * Shows a directory as if it were on a slow disk. Needs root, and python3-fusepy. It is removed after the test.
 *
 * @returns the path of the slow view.
 */
export async function slowViewOf(directory: string, bytesPerSecond: number): Promise<string> {
  const mountPoint = scratchDirectory();
  await mountView('slow.py', directory, mountPoint, `${bytesPerSecond}`);
  return mountPoint;
}
