import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../wasm/xxh128.ts', import.meta.url));
const cache = fileURLToPath(new URL('../node_modules/.cache/basyn', import.meta.url));
const { version } = createRequire(import.meta.url)('assemblyscript/package.json') as { version: string };

const commonOptions = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'bulk-memory'];
/** 128 KiB: the area for the input is half of it. */
const memoryOptions = ['--initialMemory', '2', '--maximumMemory', '2'];
const options = {
  simd: [...commonOptions, ...memoryOptions, '--enable', 'simd'],
  scalar: [...commonOptions, ...memoryOptions, '--disable', 'simd'],
};

/**
 * wasm/xxh128.ts, compiled for processors with SIMD, or for those without. The compiler takes seconds, so that its result
 * is kept for the next build.
 */
export async function compileXxh128(kind: keyof typeof options): Promise<Uint8Array> {
  const text = await readFile(source, 'utf8');
  const key = createHash('sha256').update(JSON.stringify([version, options[kind], text]));
  const file = join(cache, `xxh128-${kind}-${key.digest('hex').slice(0, 16)}.wasm`);
  try {
    return await readFile(file);
  } catch {
    // It was not compiled yet.
  }
  const wasm = await compile(text, options[kind]);
  await mkdir(dirname(file), { recursive: true });
  // Whole or not at all: another build may look for it at the same time.
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, wasm);
  await rename(unfinished, file);
  return wasm;
}

async function compile(text: string, flags: readonly string[]): Promise<Uint8Array> {
  const { default: asc } = await import('assemblyscript/asc');
  let wasm: Uint8Array | undefined;
  const { error, stderr } = await asc.main(['xxh128.ts', '--outFile', 'xxh128.wasm', ...flags], {
    readFile: (name) => (name === 'xxh128.ts' ? text : null),
    writeFile: (_name, contents) => {
      wasm = contents as Uint8Array;
    },
    listFiles: () => [],
  });
  if (error !== null || wasm === undefined) {
    throw new Error(`wasm/xxh128.ts can't be compiled: ${error?.message ?? ''}\n${stderr.toString()}`);
  }
  return wasm;
}
