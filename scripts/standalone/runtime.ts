import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../bundle.ts';

const run = promisify(execFile);

/** The processors for which an executable can be made, as node and npm call them. */
export const processors = ['x64', 'arm64'] as const;
export type Processor = (typeof processors)[number];

/** What an executable for a processor is made of. */
export interface Runtime {
  /** The path of its node. */
  readonly node: string;
  /** The licences of its node, and of what is compiled into that. */
  readonly nodeLicense: string;
}

const manifest = join(root, 'scripts/standalone/packages');
const manifestFiles = ['package.json', '.npmrc', 'package-lock.json'] as const;

/** The node for a processor, from the registry: package-lock.json has its version and its digest. */
export async function runtimeFor(processor: Processor): Promise<Runtime> {
  const folder = join(await installedFor(processor), `node_modules/node-linux-${processor}`);
  return {
    node: join(folder, 'bin/node'),
    nodeLicense: await readFile(join(folder, 'LICENSE'), 'utf8'),
  };
}

/** Puts the content of a file into a node, in place. Node finds it by its name. */
export async function inject(executable: string, name: string, file: string): Promise<void> {
  const postject = join(await installedFor(hostProcessor()), 'node_modules/postject/dist/cli.js');
  await run(process.execPath, [postject, executable, name, file, '--sentinel-fuse', sentinelFuse]);
}

/** Postject changes the character behind it in the executable, which tells node that there is something in it. */
const sentinelFuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** The processor of this machine. */
export function hostProcessor(): Processor {
  const found = processors.find((each) => each === process.arch);
  if (found === undefined || process.platform !== 'linux') {
    throw new Error(
      `An executable can be built on Linux x64 and arm64, not on ${process.platform} ${process.arch}.`,
    );
  }
  return found;
}

const installations = new Map<Processor, Promise<string>>();

/** The folder where the packages for a processor are. It is kept from one build to the next. */
function installedFor(processor: Processor): Promise<string> {
  const installation = installations.get(processor) ?? install(processor);
  installations.set(processor, installation);
  return installation;
}

async function install(processor: Processor): Promise<string> {
  const folder = join(root, 'node_modules/.cache/basyn-standalone', processor);
  const marker = join(folder, 'installed.json');
  const wanted = await readFile(join(manifest, 'package-lock.json'), 'utf8');
  const installed = await readFile(marker, 'utf8').catch(() => undefined);
  if (installed === wanted) return folder;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const file of manifestFiles) await copyFile(join(manifest, file), join(folder, file));
  await run('npm', ['ci', `--cpu=${processor}`, '--os=linux', '--ignore-scripts'], { cwd: folder });
  await copyFile(join(manifest, 'package-lock.json'), marker);
  return folder;
}
