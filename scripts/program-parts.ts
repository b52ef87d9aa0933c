import { basename } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import { bundle, filesIn, oldestNode } from './bundle.ts';

/**
 * A program of one file that is fast to start. Node parses a file completely before it runs the first statement, which takes
 * most of the time that a short run needs. So only the text of what each run needs is in the file as it is, and that of each
 * `import()` is packed. The whole text is in strings: an old node need not understand it to refuse itself.
 */
export interface ProgramInParts {
  /** JavaScript of any version, which begins the program. It goes into a function. */
  readonly loader: string;
  /** What the program is made of, from the root. */
  readonly files: readonly string[];
}

export async function programInParts(entryPoint: string): Promise<ProgramInParts> {
  const { outputFiles = [], metafile } = await bundle({
    entryPoints: [entryPoint],
    outdir: 'parts',
    write: false,
    format: 'esm',
    splitting: true,
    target: `node${oldestNode}`,
    legalComments: 'none',
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const first = basename(entryPoint).replace(/\.ts$/, '.js');
  const early = new Set<string>();
  const addWithImports = (name: string): void => {
    if (early.has(name)) return;
    early.add(name);
    const { imports } = metafile.outputs[`parts/${name}`]!;
    const needed = imports.filter(({ kind, external }) => kind === 'import-statement' && external !== true);
    for (const { path } of needed) addWithImports(basename(path));
  };
  addWithImports(first);
  const functions = await Promise.all(
    [...texts].map(async ([name, text]) => [name, await asFunction(text)] as const),
  );
  const earlyText = functions
    .filter(([name]) => early.has(name))
    .map(([name, text]) => `${quoted(name)}:${text}`);
  const late = functions.filter(([name]) => !early.has(name));
  return {
    loader: loaderOf(first, `({${earlyText.join(',\n')}})`, late),
    files: await filesIn(metafile),
  };
}

/** A part as an expression: a function as Node makes one of a CommonJS file. */
async function asFunction(text: string): Promise<string> {
  const options: esbuild.TransformOptions = {
    format: 'cjs',
    target: `node${oldestNode}`,
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 160,
    // The parts are no files that import() could find.
    supported: { 'dynamic-import': false },
  };
  const { code } = await esbuild.transform(text, options);
  return `(function(require,module,exports){${code}\n})`;
}

function loaderOf(first: string, earlyText: string, late: readonly (readonly [string, string])[]): string {
  const packed = late.map(([name, text]) => `${quoted(name)}: ${quoted(packedText(text))}`);
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
