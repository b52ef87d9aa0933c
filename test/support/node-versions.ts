/**
 * The versions of Node.js to test under, from the registry: test/nodes has their exact versions, and the global setup
 * installs them.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A node to test under. Without `path`, there is none for this kind of machine. */
export interface NodeVersion {
  readonly name: string;
  readonly path: string | undefined;
  /** What it prints as its version. */
  readonly printed: RegExp;
}

/** The oldest that Basyn promises to run under, and the newest. */
export const node18 = pathOf('node-18');
export const nodeLatest = pathOf('node-latest');

/** The newest that Basyn does not run under. Only the laboratory has it. */
export const tooOldNode = pathOf('node-16', 'lab/');

export const oldestVersion: NodeVersion = {
  name: 'the oldest promised node, 18',
  path: node18,
  printed: /^v18\./,
};
export const newestVersion: NodeVersion = {
  name: 'the newest node',
  path: nodeLatest,
  printed: /^v2[6-9]\./,
};

/** The installed versions, oldest first. Only the laboratory has those in the middle. */
export function nodeVersions(): readonly NodeVersion[] {
  return [oldestVersion, ...versionsOfLaboratory(), newestVersion];
}

/** Versions that Basyn does not run under. Only the laboratory has them. Node 12 is that of Debian 11 and Ubuntu 22.04. */
export function tooOldVersions(): { readonly version: string; readonly path: string }[] {
  return ['12', '16', '18.0'].flatMap((version) => {
    const path = pathOf(`node-${version}`, 'lab/');
    return path === undefined ? [] : [{ version, path }];
  });
}

function versionsOfLaboratory(): NodeVersion[] {
  return ['18.20', '20', '22', '24'].flatMap((name) => {
    const path = pathOf(`node-${name}`, 'lab/');
    const printed = new RegExp(`^v${name.replace('.', '\\.')}\\.`);
    return path === undefined ? [] : [{ name: `node ${name}`, path, printed }];
  });
}

/** The path of the executable, or undefined if there is none for this kind of machine. */
function pathOf(name: string, folder = ''): string | undefined {
  const platform = `${process.platform}-${process.arch}`;
  const modules = `../nodes/${folder}node_modules`;
  const path = fileURLToPath(new URL(`${modules}/${name}-${platform}/bin/node`, import.meta.url));
  return existsSync(path) ? path : undefined;
}
