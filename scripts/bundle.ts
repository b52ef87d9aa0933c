import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import type { BuildOptions, BuildResult, Plugin } from 'esbuild';
import { compileXxh128 } from './xxh128-wasm.ts';

export const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

export const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
  version: string;
};

/** What the sources may take for granted besides Node: see src/ambient.d.ts. */
export const define = { __BASYN_VERSION__: JSON.stringify(version) };

/** The names in the `basyn:` scheme, each with the text of the module it stands for. */
export const virtualModules: Record<string, () => Promise<string>> = {
  'basyn:agent': async () =>
    `export default '${brotliCompressSync(await agentPrograms()).toString('base64')}';`,
  'basyn:zstd': zstdModule,
  'basyn:xxh128': xxh128Module,
};

let agent: Promise<string> | undefined;

/**
 * The agent and the program of its threads, a NUL between them. One and the same for every product, so that both
 * ends of a run are one program.
 */
export function agentPrograms(): Promise<string> {
  return (agent ??= Promise.all(['src/agent/main.ts', 'src/workers/thread.ts'].map(bundleProgram)).then(
    (programs) => programs.join('\0'),
  ));
}

async function bundleProgram(entryPoint: string): Promise<string> {
  const result = await bundle({
    entryPoints: [join(root, entryPoint)],
    write: false,
    format: 'cjs',
    target: 'node18',
    legalComments: 'none',
    // A worker runs its string as a script, where a variable named `crypto` would be a global one.
    banner: { js: '(() => {' },
    footer: { js: '})();' },
    // The string may be run by `node -e`, by a worker or by `vm`; import() works in only some of them.
    supported: { 'dynamic-import': false },
  });
  const [file] = result.outputFiles ?? [];
  if (!file) throw new Error(`esbuild made nothing of ${entryPoint}`);
  return file.text;
}

async function zstdModule(): Promise<string> {
  const folder = dirname(require.resolve('@bokuweb/zstd-wasm'));
  const wasm = brotliCompressSync(await readFile(join(folder, 'zstd.wasm'))).toString('base64');
  // The CommonJS file, because vitest hands it to Node as it is and the package doesn't call itself ESM.
  const glue = JSON.stringify(join(folder, 'zstd.js'));
  return `export { Module } from ${glue}; export const wasmBrotliBase64 = '${wasm}';`;
}

let xxh128: Promise<readonly [simd: Uint8Array, scalar: Uint8Array]> | undefined;

async function xxh128Module(): Promise<string> {
  // Once, because several bundles need it at the same time.
  const [simd, scalar] = await (xxh128 ??= Promise.all([compileXxh128('simd'), compileXxh128('scalar')]));
  const base64 = (wasm: Uint8Array): string => Buffer.from(wasm).toString('base64');
  return `export const simdBase64 = '${base64(simd)}'; export const scalarBase64 = '${base64(scalar)}';`;
}

export const virtualPlugin: Plugin = {
  name: 'basyn-virtual',
  setup(build) {
    build.onResolve({ filter: /^basyn:/ }, ({ path }) => ({ path, namespace: 'basyn' }));
    build.onLoad({ filter: /.*/, namespace: 'basyn' }, async ({ path }) => {
      const make = virtualModules[path];
      if (!make) return { errors: [{ text: `There is no module ${path}` }] };
      return { contents: await make(), loader: 'js', resolveDir: root };
    });
  },
};

export async function bundle(options: BuildOptions): Promise<BuildResult> {
  const result = await esbuild.build({
    bundle: true,
    platform: 'node',
    define,
    plugins: [virtualPlugin],
    metafile: true,
    absWorkingDir: root,
    // Identifiers stay as they are written: a few kilobytes more, and a stack trace that can be read.
    minifySyntax: true,
    minifyWhitespace: true,
    // Node shows the line that an uncaught error came from: it should not be the whole program.
    lineLimit: 160,
    logLevel: 'warning',
    ...options,
  });
  if (result.warnings.length > 0) throw new Error('esbuild warned: see above');
  return result;
}
