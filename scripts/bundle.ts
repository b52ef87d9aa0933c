import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import type { BuildOptions, BuildResult, Metafile, Plugin } from 'esbuild';
import { compileXxh128 } from './xxh128-wasm.ts';

export const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
  version: string;
  engines: { node: `>=${number}` };
};
export const { version } = manifest;

/** The oldest node that runs Basyn, such as "18.13". */
export const oldestNode = manifest.engines.node.slice('>='.length);

/** What the sources may use besides Node: see src/ambient.d.ts. */
export const define = { __BASYN_VERSION__: JSON.stringify(version) };

/** A module in the `basyn:` scheme. */
interface VirtualModule {
  readonly source: string;
  /** The files that the source embeds, from the root. The files that it imports are not among them. */
  readonly embeddedFiles: readonly string[];
}

/** The modules in the `basyn:` scheme, by their names. */
export const virtualModules: Record<string, () => Promise<VirtualModule>> = {
  'basyn:agent': () => (agent ??= agentModule()),
  'basyn:zstd': () => (zstd ??= zstdModule()),
  'basyn:xxh128': () => (xxh128 ??= xxh128Module()),
};

/** The same for every product, so that both sides of a run are one program. Compressing them takes seconds. */
let agent: Promise<VirtualModule> | undefined;
let zstd: Promise<VirtualModule> | undefined;
let xxh128: Promise<VirtualModule> | undefined;

/** The agent and the program of its threads, a NUL between them. */
async function agentModule(): Promise<VirtualModule> {
  const programs = await Promise.all(['src/agent/main.ts', 'src/workers/thread.ts'].map(bundleProgram));
  const packed = brotliCompressSync(programs.map(({ text }) => text).join('\0'));
  return {
    source: `export default '${packed.toString('base64')}';`,
    embeddedFiles: programs.flatMap(({ files }) => files),
  };
}

async function bundleProgram(entryPoint: string): Promise<{ text: string; files: string[] }> {
  const result = await bundle({
    entryPoints: [join(root, entryPoint)],
    write: false,
    format: 'cjs',
    target: `node${oldestNode}`,
    legalComments: 'none',
    // A worker runs its string as a script, where a variable named `crypto` would be a global one.
    banner: { js: '(() => {' },
    footer: { js: '})();' },
    // The string may be run by `node -e`, by a worker or by `vm`; import() works in only some of them.
    supported: { 'dynamic-import': false },
  });
  const [file] = result.outputFiles ?? [];
  if (!file) throw new Error(`esbuild made nothing of ${entryPoint}`);
  return { text: file.text, files: await filesIn(result.metafile) };
}

async function zstdModule(): Promise<VirtualModule> {
  const folder = dirname(require.resolve('@bokuweb/zstd-wasm'));
  const wasmFile = join(folder, 'zstd.wasm');
  const wasm = brotliCompressSync(await readFile(wasmFile)).toString('base64');
  // The CommonJS file, because vitest hands it to Node as it is and the package doesn't call itself ESM.
  const glue = JSON.stringify(join(folder, 'zstd.js'));
  return {
    source: `export { Module } from ${glue}; export const wasmBrotliBase64 = '${wasm}';`,
    embeddedFiles: [relative(root, wasmFile)],
  };
}

const virtualNamespace = 'basyn';

/**
 * Every file that a bundle was made of, as a path from the root. esbuild names the virtual modules only; the files
 * within them are listed in their place.
 */
export async function filesIn(metafile: Metafile): Promise<string[]> {
  const files = await Promise.all(
    Object.keys(metafile.inputs).map(async (input) => {
      if (!input.startsWith(`${virtualNamespace}:`)) return [input];
      const { embeddedFiles } = await virtualModule(input.slice(virtualNamespace.length + 1));
      return embeddedFiles;
    }),
  );
  return files.flat();
}

function virtualModule(name: string): Promise<VirtualModule> {
  const make = virtualModules[name];
  if (!make) throw new Error(`There is no module ${name}`);
  return make();
}

async function xxh128Module(): Promise<VirtualModule> {
  const [simd, scalar] = await Promise.all([compileXxh128('simd'), compileXxh128('scalar')]);
  const base64 = (wasm: Uint8Array): string => Buffer.from(wasm).toString('base64');
  return {
    source: `export const simdBase64 = '${base64(simd)}'; export const scalarBase64 = '${base64(scalar)}';`,
    // The runtime of AssemblyScript is compiled into it.
    embeddedFiles: ['wasm/xxh128.ts', 'node_modules/assemblyscript/package.json'],
  };
}

export const virtualPlugin: Plugin = {
  name: 'basyn-virtual',
  setup(build) {
    build.onResolve({ filter: /^basyn:/ }, ({ path }) => ({ path, namespace: virtualNamespace }));
    build.onLoad({ filter: /.*/, namespace: virtualNamespace }, async ({ path }) => {
      const { source } = await virtualModule(path);
      return { contents: source, loader: 'js', resolveDir: root };
    });
  },
};

/** How every product is written. */
export const compactText = {
  // Identifiers stay as they are written: a few kilobytes more, and a stack trace that can be read.
  minifySyntax: true,
  minifyWhitespace: true,
  // Node shows the line that an uncaught error came from: it should not be the whole program.
  lineLimit: 160,
} as const;

/** Runs esbuild as every product needs it. A warning is an error. */
export async function bundle(options: BuildOptions): Promise<BuildResult<{ metafile: true }>> {
  const result = await esbuild.build({
    bundle: true,
    platform: 'node',
    define,
    plugins: [virtualPlugin],
    absWorkingDir: root,
    ...compactText,
    logLevel: 'warning',
    ...options,
    metafile: true,
  });
  if (result.warnings.length > 0) throw new Error('esbuild warned: see above');
  return result;
}
