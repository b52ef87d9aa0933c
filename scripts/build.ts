/** Makes dist/: the executable, the library with its types, the licences of what is bundled in them, the manual page,
 * and the completions for shells. */
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bundle, filesIn, oldestNode, root } from './bundle.ts';
import { completions } from './completion/completions.ts';
import { bundleDeclarations } from './declarations.ts';
import { licensesOf } from './licenses.ts';
import { manualPage } from './manual/page.ts';
import { programInParts } from './program-parts.ts';
import { refusalOfOldNode } from './old-node.ts';
import { sourceDate } from './source-date.ts';

const dist = join(root, 'dist');

async function main(): Promise<void> {
  await rm(dist, { recursive: true, force: true });
  await mkdir(dist, { recursive: true });
  const [files] = await Promise.all([programs(), declarations()]);
  await chmod(join(dist, 'basyn.cjs'), 0o755);
  await writeFile(join(dist, 'index.mjs'), esModule());
  await writeFile(join(dist, 'licenses.txt'), await licensesOf(files));
  await writeFile(join(dist, 'basyn.1'), await manualPage(await sourceDate()));
  await mkdir(join(dist, 'completions'));
  for (const [name, text] of await completions()) await writeFile(join(dist, 'completions', name), text);
}

/** Resolves with the files that both programs are made of. */
async function programs(): Promise<string[]> {
  const files = await Promise.all([command(), library()]);
  return files.flat();
}

async function command(): Promise<readonly string[]> {
  const { loader, files } = await programInParts(join(root, 'src/cli/main.ts'));
  const text = [
    '#!/usr/bin/env node',
    // Until the first statement, node would open its debugger on a port of the machine when it receives SIGUSR1.
    "process.on('SIGUSR1', () => undefined);",
    refusalOfOldNode(),
    // A copy as ~/bin/basyn has no extension, and node treats such a file as CommonJS. The program may also
    // be run by `node -` as a script, where a variable named `crypto` would be global.
    `(function () {${loader}})();`,
  ];
  await writeFile(join(dist, 'basyn.cjs'), `${text.join('\n')}\n`);
  return files;
}

async function library(): Promise<readonly string[]> {
  const { metafile } = await bundle({
    entryPoints: [join(root, 'src/index.ts')],
    outfile: join(dist, 'index.cjs'),
    format: 'cjs',
    target: `node${oldestNode}`,
    legalComments: 'none', // They are in licenses.txt.
  });
  return filesIn(metafile);
}

/**
 * The library for `import`. It re-exports what the CommonJS file exports: in a program that uses both, an error of
 * one is `instanceof` the class of the other.
 */
function esModule(): string {
  const exported = Object.keys(createRequire(import.meta.url)(join(dist, 'index.cjs')) as object);
  return `export { ${exported.sort().join(', ')} } from './index.cjs';\n`;
}

/** The same types twice: TypeScript decides by the extension whether a declaration describes ESM or CommonJS. */
async function declarations(): Promise<void> {
  const text = await bundleDeclarations();
  await Promise.all(['index.d.ts', 'index.d.cts'].map((name) => writeFile(join(dist, name), text)));
}

await main();
