/** Makes dist/: the executable, the library with its types, and the licences of what is bundled in them. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildOptions, Metafile } from 'esbuild';
import { bundle, root } from './bundle.ts';

const dist = join(root, 'dist');

// Bundled CommonJS packages call require() for Node's own modules, which an ES module has not got.
const requireBanner =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

async function main(): Promise<void> {
  await rm(dist, { recursive: true, force: true });
  await mkdir(dist, { recursive: true });
  const metafiles = await Promise.all([
    // Whoever copies it to ~/bin/basyn takes its extension away: node takes what has none for CommonJS. It may also
    // come by `node -`, as a script, where a variable named `crypto` would be a global one.
    program('src/cli/main.ts', 'basyn.cjs', {
      format: 'cjs',
      banner: { js: '#!/usr/bin/env node\n(() => {' },
      footer: { js: '})();' },
    }),
    program('src/index.ts', 'index.mjs', { format: 'esm', banner: { js: requireBanner } }),
  ]);
  await chmod(join(dist, 'basyn.cjs'), 0o755);
  await writeFile(join(dist, 'licenses.txt'), await licenses(metafiles));
  await declarations();
}

async function program(
  entry: string,
  out: string,
  options: Pick<BuildOptions, 'format' | 'banner' | 'footer'>,
): Promise<Metafile> {
  const { metafile } = await bundle({
    entryPoints: [join(root, entry)],
    outfile: join(dist, out),
    target: 'node20',
    ...options,
    legalComments: 'none', // They are in licenses.txt.
  });
  if (!metafile) throw new Error('esbuild made no metafile');
  return metafile;
}

async function declarations(): Promise<void> {
  execFileSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
  for (const name of await readdir(dist, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue;
    const file = join(dist, name);
    const text = await readFile(file, 'utf8');
    // tsc leaves `./x.ts` in a declaration as it stands, but only x.d.ts is published, and `./x.js` finds it.
    await writeFile(file, text.replace(/((?:from |import\()(["'])\.[^"']*)\.ts\2/g, '$1.js$2'));
  }
}

async function licenses(metafiles: Metafile[]): Promise<string> {
  // The agent is bundled apart, and what is in it is in no metafile of the programs.
  const { metafile: agent } = await bundle({
    entryPoints: [join(root, 'src/agent/main.ts')],
    write: false,
    format: 'cjs',
  });
  const inputs = [...metafiles, agent].flatMap((metafile) => Object.keys(metafile?.inputs ?? {}));
  const names = inputs.flatMap((input) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []);
  const texts = await Promise.all([...new Set(names)].sort().map(licenseOf));
  return texts.join(`\n${'-'.repeat(72)}\n\n`);
}

async function licenseOf(name: string): Promise<string> {
  const folder = join(root, 'node_modules', name);
  const { version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Record<
    'version' | 'license',
    string
  >;
  const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license']
    .map((f) => join(folder, f))
    .find(existsSync);
  return `${name} ${version} (${license})\n\n${file ? await readFile(file, 'utf8') : ''}`;
}

await main();
