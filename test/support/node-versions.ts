/**
 * The oldest Node that the agent promises to run under, the oldest for the command, and the newest, from the registry:
 * test/nodes has their exact versions, and the global setup installs them.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const node18 = pathOf('node-18');
export const node20 = pathOf('node-20');
export const nodeLatest = pathOf('node-latest');

/** The path of the executable, or undefined if there is none for this kind of machine. */
function pathOf(name: string): string | undefined {
  const platform = `${process.platform}-${process.arch}`;
  const path = fileURLToPath(new URL(`../nodes/node_modules/${name}-${platform}/bin/node`, import.meta.url));
  return existsSync(path) ? path : undefined;
}
