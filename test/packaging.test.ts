import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'basyn-packaging-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the executable', () => {
  it('runs alone from any folder', async () => {
    const script = join(folder, 'basyn.cjs');
    await copyFile(join(root, 'dist/basyn.cjs'), script);
    expect((await stat(script)).mode & 0o777).toBe(0o755);
    const { stdout } = await run(script, ['--version'], { cwd: folder });
    expect(stdout).toContain(version);
  });
});

describe('the library', () => {
  beforeAll(async () => {
    const installed = join(folder, 'node_modules/basyn');
    await mkdir(installed, { recursive: true });
    await cp(join(root, 'dist'), join(installed, 'dist'), { recursive: true });
    await copyFile(join(root, 'package.json'), join(installed, 'package.json'));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await writeFile(join(folder, 'use.ts'), "import { sync } from 'basyn';\nconst check: number = sync;\n");
  });

  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('has types under module %s, moduleResolution %s', async (module, moduleResolution) => {
    const types = join(root, 'node_modules/@types');
    const options = ['--noEmit', '--strict', '--target', 'es2023', '--types', 'node', '--typeRoots', types];
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const args = [tsc, ...options, '--module', module, '--moduleResolution', moduleResolution, 'use.ts'];
    const { stdout } = await run(process.execPath, args, { cwd: folder }).catch(
      (error: unknown) => error as { stdout: string },
    );
    // Exactly the error made on purpose: `sync` was found, it is a function and not `any`.
    expect(stdout.trim()).toMatch(
      /^use\.ts\(2,7\): error TS2322: Type '[^\n]*=>[^\n]*' is not assignable to type 'number'\.$/,
    );
  });

  it('can be imported', async () => {
    const code = "import { sync } from 'basyn'; process.stdout.write(typeof sync);";
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { cwd: folder });
    expect(stdout).toBe('function');
  });
});
