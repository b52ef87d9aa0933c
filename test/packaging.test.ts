import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filesEqual, writeImage } from '../rig/images/images.ts';
import { makeTemporaryDirectory } from '../rig/temporary.ts';
import { bundle, filesIn } from '../scripts/bundle.ts';
import { linksOf } from './documentation/markdown.fixture.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const packingTimeoutMs = 180_000;
const folder = makeTemporaryDirectory('packaging');
afterAll(() => folder.remove());

describe('the executable', () => {
  it('runs without other files from any directory', async () => {
    const script = join(folder.path, 'basyn.cjs');
    copyFileSync(join(root, 'dist/basyn.cjs'), script);
    expect(statSync(script).mode & 0o777).toBe(0o755);
    const { stdout } = await run(script, ['--version'], { cwd: folder.path });
    expect(stdout).toContain(version);
  });
});

describe('the packed library', () => {
  const installed = join(folder.path, 'node_modules', name);
  let tarball: string;

  beforeAll(async () => {
    const { stdout } = await run(
      'npm',
      ['pack', '--ignore-scripts', '--json', '--pack-destination', folder.path],
      { cwd: root },
    );
    const [{ filename }] = JSON.parse(stdout);
    tarball = join(folder.path, filename);
    writeFileSync(join(folder.path, 'package.json'), '{"private":true}');
    const cache = join(folder.path, 'cache');
    await run('npm', ['install', '--offline', '--no-audit', '--cache', cache, `./${filename}`], {
      cwd: folder.path,
    });
  }, packingTimeoutMs);

  it('installs without a network, together with its command', async () => {
    expect(readdirSync(join(folder.path, 'node_modules')).filter((entry) => !entry.startsWith('.'))).toEqual([
      name,
    ]);
    const { stdout } = await run(join(folder.path, 'node_modules/.bin/basyn'), ['--version']);
    expect(stdout).toContain(version);
  });

  it('has no complaint from publint', async () => {
    const complaining = run(tool('publint'), ['--strict', tarball]).catch((error: unknown) => error);
    expect(await complaining).toMatchObject({ stdout: expect.stringContaining('All good!') });
  });

  it(
    'has types for every kind of module resolution',
    async () => {
      const { stdout } = await run(tool('attw'), [tarball, '--format', 'json', '--entrypoints', '.']);
      const { analysis } = JSON.parse(stdout);
      expect(analysis).toMatchObject({ packageName: name, problems: [] });
      expect(Object.keys(analysis.entrypoints['.'].resolutions)).toEqual(
        expect.arrayContaining(['node10', 'node16-cjs', 'node16-esm', 'bundler']),
      );
    },
    packingTimeoutMs,
  );

  it('has links only to files in the package', () => {
    const pages = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.md'),
    );
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/recipes.md']));
    for (const page of pages) {
      const paths = linksOf(readFileSync(join(installed, page), 'utf8'))
        .filter((link) => !link.startsWith('https://'))
        .flatMap((link) => link.split('#')[0] ?? []);
      const missing = paths.filter((path) => !existsSync(join(installed, dirname(page), path)));
      expect({ page, missing }).toEqual({ page, missing: [] });
    }
  });

  it('names no address that does not exist yet', () => {
    const fields = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    for (const field of ['repository', 'homepage', 'bugs', 'funding'])
      expect(fields).not.toHaveProperty(field);
  });

  it(
    'is accepted by npx and npm install --global, with its manual page',
    async () => {
      const cache = ['--offline', '--no-audit', '--cache', join(folder.path, 'cache')];
      const prefix = join(folder.path, 'prefix');
      await run('npm', ['install', '--global', '--prefix', prefix, ...cache, tarball]);
      const { stdout } = await run(join(prefix, 'bin/basyn'), ['--version']);
      expect(stdout).toContain(version);
      expect(readFileSync(join(prefix, 'share/man/man1/basyn.1'), 'utf8')).toContain('.TH BASYN 1');
      const npx = await run('npx', [...cache, '--yes', `--package=${tarball}`, name, '--version'], {
        cwd: folder.path,
      });
      expect(npx.stdout).toBe(stdout);
    },
    packingTimeoutMs,
  );

  it('has one declaration file for each kind of module', () => {
    const declarations = readdirSync(join(installed, 'dist')).filter((file) => /\.d\.[cm]?ts$/.test(file));
    expect(declarations.sort()).toEqual(['index.d.cts', 'index.d.ts']);
    for (const file of declarations) {
      const text = readFileSync(join(installed, 'dist', file), 'utf8');
      expect(text).not.toMatch(/\bfrom ['"]|\bimport\(|<reference/);
    }
  });

  it('declares exactly the values that it exports', async () => {
    const declared = readFileSync(join(installed, 'dist/index.d.ts'), 'utf8');
    const [, names = ''] = /^export \{ (.*) \};$/m.exec(declared) ?? [];
    const imported: unknown = await import(pathToFileURL(join(installed, 'dist/index.mjs')).href);
    expect(Object.keys(imported as object).sort()).toEqual(names.split(', ').sort());
  });

  it('has the same errors for import and for require', async () => {
    const imported = await import(pathToFileURL(join(installed, 'dist/index.mjs')).href);
    const required = createRequire(join(folder.path, 'x.cjs'))(name);
    expect(required.BasynError).toBe(imported.BasynError);
  });

  it(
    'has types that need no declarations of node or of a browser',
    async () => {
      const place = join(folder.path, 'plain');
      mkdirSync(place);
      writeFileSync(join(place, 'use.mts'), plainConsumer);
      writeFileSync(join(place, 'tsconfig.json'), JSON.stringify(plainConsumerConfig));
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      const compiling = run(process.execPath, [tsc, '-p', place]).catch((error: unknown) => error);
      expect(await compiling).toMatchObject({ stdout: '' });
    },
    packingTimeoutMs,
  );

  describe('in a strict TypeScript program', () => {
    beforeAll(async () => {
      for (const extension of ['mts', 'cts']) writeFileSync(join(folder.path, `use.${extension}`), consumer);
      writeFileSync(join(folder.path, 'tsconfig.json'), JSON.stringify(consumerConfig));
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      const compiling = run(process.execPath, [tsc, '-p', folder.path]).catch((error: unknown) => error);
      expect(await compiling).toMatchObject({ stdout: '' });
    }, packingTimeoutMs);

    // Larger than what a run compares without threads: the program of the threads must also be found.
    const imageBytes = 40 * 1024 * 1024;

    it.each([
      ['ESM', 'use.mjs'],
      ['CommonJS', 'use.cjs'],
    ])('compiles as %s, and runs', async (kind, program) => {
      const [source, target] = ['source', 'target'].map((role) => join(folder.path, `${kind}-${role}`));
      writeImage(source!, imageBytes, { seed: 15 });
      const { stdout } = await run(process.execPath, [program, source!, target!], { cwd: folder.path });
      expect(stdout).toBe(`start copy ${imageBytes}\n`);
      expect(filesEqual(source!, target!, imageBytes)).toBe(true);
    });
  });
});

describe('the licences', () => {
  const headings = readFileSync(join(root, 'dist/licenses.txt'), 'utf8').split('\n');
  /** The directories of packages, also of those within another one. */
  const packagesOf = (files: readonly string[]): string[] =>
    files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);

  it('name every package that is bundled, also inside the programs that are bundled as text', async () => {
    const entryPoints = ['src/cli/main.ts', 'src/index.ts'].map((path) => join(root, path));
    const { metafile } = await bundle({ entryPoints, outdir: folder.path, write: false });
    const files = [...Object.keys(metafile.inputs), ...(await filesIn(metafile))];
    expect(files).toEqual(
      expect.arrayContaining([
        'src/agent/main.ts',
        'src/workers/thread.ts',
        'node_modules/@bokuweb/zstd-wasm/dist/common/zstd.wasm',
      ]),
    );
    for (const bundled of new Set(packagesOf(files))) {
      const { name, version, license } = JSON.parse(
        readFileSync(join(root, bundled, 'package.json'), 'utf8'),
      );
      expect(headings).toContain(`${name} ${version} (${license})`);
    }
  });

  it('name what is compiled into WebAssembly', () => {
    expect(headings).toEqual(
      expect.arrayContaining([
        'zstd (BSD-3-Clause)',
        'Emscripten (MIT)',
        'musl (MIT)',
        'xxHash (BSD-2-Clause)',
      ]),
    );
  });
});

/** One of the tools that check a package. */
function tool(command: string): string {
  return join(root, 'test/package-checks/node_modules/.bin', command);
}

/** Uses the declared values and types, and fails to compile if `sync` is `any`. */
const consumer = `
import { BasynError, sync, type RunEvent, type SyncOptions } from 'basyn';

const [, , local = '', remote = ''] = process.argv;
const seen: RunEvent['type'][] = [];
const options: SyncOptions = {
  local,
  remote,
  action: 'push',
  mode: 'copy',
  create: true,
  signal: new AbortController().signal,
  onEvent: ({ type }) => void seen.push(type),
};

async function main(): Promise<void> {
  const { phases } = await sync(options);
  // A slow flush is reported before the start.
  const first = seen.find((type) => type !== 'flushing');
  for (const { phase, sizeBytes } of phases) console.log(first, phase, sizeBytes);
}

main().catch((error: unknown) => {
  console.error(error instanceof BasynError ? error.code : error);
  process.exitCode = 2;
});

// @ts-expect-error A function is no number.
export const wrong: number = sync;
`;

const plainConsumer = `
import { BasynError, recheck, type RecheckOptions } from 'basyn';

const options: RecheckOptions = { local: 'a', remote: 'b' };
export const code = recheck(options).catch((error: unknown) => error instanceof BasynError && error.code);
// @ts-expect-error A signal has more.
export const wrong: RecheckOptions = { ...options, signal: { aborted: false } };
`;

const plainConsumerConfig = {
  compilerOptions: {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    module: 'nodenext',
    target: 'es2020',
    lib: ['es2020'],
    types: [],
  },
  files: ['use.mts'],
};

const consumerConfig = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    verbatimModuleSyntax: false,
    module: 'nodenext',
    target: 'es2022',
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  },
  files: ['use.mts', 'use.cts'],
};
