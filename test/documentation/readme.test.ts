import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withOptionTable } from '../../scripts/readme-options.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';
import { codeBlocks, readDocument, root, sectionOf, tableRows } from './markdown.fixture.ts';

const run = promisify(execFile);
const readme = readDocument('README.md');
const folder = makeTemporaryDirectory('readme');
afterAll(() => folder.remove());

describe("the README's example of the library", () => {
  const [example = '', ...others] = codeBlocks(readme, 'ts');
  const misspelt = example.replace("action: 'push'", "acton: 'push'");
  let typeErrors: string[];

  beforeAll(async () => {
    await installInto(folder.path);
    await writeFile(join(folder.path, 'example.ts'), example);
    await writeFile(join(folder.path, 'misspelt.ts'), misspelt);
    typeErrors = await typeErrorsOf('example.ts', 'misspelt.ts');
  });

  it('is the only one, and is equal to examples/library.ts', async () => {
    expect(others).toEqual([]);
    expect(example).toBe(await readFile(join(root, 'examples/library.ts'), 'utf8'));
  });

  it('compiles against the published types', () => {
    expect(typeErrors.filter((line) => !line.startsWith('misspelt.ts'))).toEqual([]);
  });

  it('would not compile with an option that does not exist', () => {
    expect(typeErrors.join('\n')).toMatch(/^misspelt\.ts.*'acton' does not exist in type/);
  });
});

describe("the README's options", () => {
  it('are those of the table in the source: run `npm run readme`', () => {
    expect(readme).toBe(withOptionTable(readme));
  });

  it('are those of --help, with their short forms', async () => {
    const { stdout } = await run(process.execPath, [join(root, 'dist/basyn.cjs'), '--help']);
    const helped = [...stdout.matchAll(/^ {2}(?:(-\w), | {4})(--[\w-]+)/gm)].map(([, short, long]) =>
      short === undefined ? [long] : [long, short],
    );
    expect(helped.length).toBeGreaterThan(20);
    const documented = tableRows(sectionOf(readme, 'Options')).map(([names = '']) =>
      names.replaceAll('`', '').split(', '),
    );
    expect(documented.sort()).toEqual(helped.sort());
  });
});

/** As npm would: the package's files below node_modules. */
async function installInto(path: string): Promise<void> {
  const installed = join(path, 'node_modules/basyn');
  await mkdir(installed, { recursive: true });
  await cp(join(root, 'dist'), join(installed, 'dist'), { recursive: true });
  await cp(join(root, 'package.json'), join(installed, 'package.json'));
  await writeFile(join(path, 'package.json'), '{"type":"module"}');
}

/** The declarations themselves are checked in packaging.test.ts. */
async function typeErrorsOf(...files: string[]): Promise<string[]> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
  const options = [
    '--noEmit',
    '--strict',
    '--exactOptionalPropertyTypes',
    '--skipLibCheck',
    '--target',
    'es2023',
  ];
  const args = [tsc, ...options, ...types, '--module', 'nodenext', ...files];
  const { stdout } = await run(process.execPath, args, { cwd: folder.path }).catch(
    (error: unknown) => error as { stdout: string },
  );
  return stdout.split('\n').filter((line) => line !== '');
}
