import { basename } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import type { Metafile } from 'esbuild';
import { bundle, compactText, filesIn, oldestNode } from './bundle.ts';

/** A piece of a program in parts. */
export interface Part {
  readonly name: string;
  /** The modules that it has, from the root. */
  readonly modules: readonly string[];
  /** An expression. */
  readonly text: string;
  /** When it is loaded: in each run, or by an `import()`. */
  readonly loaded: 'always' | 'on demand';
}

/**
 * A program of one file that is fast to start. Node parses a file completely before it runs the first statement, which takes
 * most of the time that a short run needs. So only the text of what each run needs is in the file as it is, and that of each
 * `import()` is packed. The whole text is in strings: an old node need not understand it to refuse itself.
 *
 * @returns JavaScript of any version, which belongs into a function, and the files that it is made of, from the root.
 */
export async function programInParts(
  entryPoint: string,
): Promise<{ readonly loader: string; readonly files: readonly string[] }> {
  const { parts, first, files } = await partsOf(entryPoint);
  const early = parts.filter(({ loaded }) => loaded === 'always');
  const earlyText = early.map(({ name, text }) => `${quoted(name)}:${text}`).join(',\n');
  const late = parts.filter(({ loaded }) => loaded === 'on demand');
  return { loader: loaderOf(first, `({${earlyText}})`, late), files };
}

/** The parts of a program, the name of the first one, and the files that all are made of. */
export async function partsOf(
  entryPoint: string,
): Promise<{ readonly parts: readonly Part[]; readonly first: string; readonly files: readonly string[] }> {
  const { outputFiles = [], metafile } = await bundle({
    entryPoints: [entryPoint],
    outdir: 'parts',
    write: false,
    format: 'esm',
    splitting: true,
    target: `node${oldestNode}`,
    legalComments: 'none',
  });
  const first = basename(entryPoint).replace(/\.ts$/, '.js');
  const early = withImports(first, metafile);
  const parts = await Promise.all(
    outputFiles.map(async ({ path, text }): Promise<Part> => {
      const name = basename(path);
      const modules = Object.keys(metafile.outputs[`parts/${name}`]!.inputs);
      return {
        name,
        modules,
        text: await asFunction(text),
        loaded: early.has(name) ? 'always' : 'on demand',
      };
    }),
  );
  return { parts, first, files: await filesIn(metafile) };
}

/** A part and all that it imports, directly or through others. */
function withImports(first: string, { outputs }: Metafile): ReadonlySet<string> {
  const names = new Set([first]);
  // A set goes on to what is added meanwhile.
  for (const name of names) {
    for (const { kind, external, path } of outputs[`parts/${name}`]!.imports) {
      if (kind === 'import-statement' && external !== true) names.add(basename(path));
    }
  }
  return names;
}

/** A part as an expression: a function as Node makes one of a CommonJS file. */
async function asFunction(text: string): Promise<string> {
  const options: esbuild.TransformOptions = {
    format: 'cjs',
    target: `node${oldestNode}`,
    ...compactText,
    // The parts are no files that import() could find.
    supported: { 'dynamic-import': false },
  };
  const { code } = await esbuild.transform(text, options);
  return `(function(require,module,exports){${code}\n})`;
}

function loaderOf(first: string, earlyText: string, late: readonly Part[]): string {
  const packed = late.map(({ name, text }) => `${quoted(name)}: ${quoted(packedText(text))}`);
  return `
var vm = require('vm');
var packed = {${packed.join(',\n')}};
var parts = run(${quoted(earlyText)}, 'basyn');
var modules = {};
function run(text, name) { return new vm.Script(text, { filename: name }).runInThisContext(); }
function unpacked(name) {
  return run(require('zlib').brotliDecompressSync(Buffer.from(packed[name], 'base64')).toString(), 'basyn ' + name);
}
function load(name) {
  if (modules[name] !== undefined) return modules[name].exports;
  var module = modules[name] = { exports: {} };
  var part = parts[name] || unpacked(name);
  part(requirePart, module, module.exports);
  return module.exports;
}
function requirePart(id) { return id.slice(0, 2) === './' ? load(id.slice(2)) : require(id); }
load(${quoted(first)});
`;
}

function packedText(text: string): string {
  return brotliCompressSync(text).toString('base64');
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
