import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const source = fileURLToPath(new URL('../wasm/xxh128.ts', import.meta.url));
const cache = fileURLToPath(new URL('../node_modules/.cache/basyn', import.meta.url));
const packageFile = createRequire(import.meta.url).resolve('assemblyscript/package.json');
const { version } = JSON.parse(await readFile(packageFile, 'utf8')) as { version: string };
/** A separate program, because the compiler's types would replace those of node. */
const compiler = join(dirname(packageFile), 'bin/asc.js');

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
  const key = createHash('sha256').update(JSON.stringify([version, options[kind]]));
  key.update(await readFile(source));
  const file = join(cache, `xxh128-${kind}-${key.digest('hex').slice(0, 16)}.wasm`);
  if (!existsSync(file)) {
    await mkdir(cache, { recursive: true });
    // Write it atomically: another build may read it at the same time.
    const unfinished = `${file}.${process.pid}.wasm`;
    await run(process.execPath, [compiler, source, '--outFile', unfinished, ...options[kind]]);
    await rename(unfinished, file);
  }
  return readFile(file);
}
