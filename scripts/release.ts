/**
 * `npm run release [-- EXECUTABLE...]`: fills release/ with what a release consists of. An executable is what
 * `npm run build:standalone` makes. Two runs for one commit give the same bytes. BASYN_RELEASE_DIRECTORY replaces release/.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { root, version } from './bundle.ts';
import { buildDebianPackage } from './debian/package.ts';
import { scriptPackage, standalonePackage } from './debian/packages.ts';
import { billOfMaterials, type Part } from './release/bill-of-materials.ts';
import { releaseDirectory as output } from './release/directory.ts';
import { releaseNotes } from './release/notes.ts';
import { sourceDate } from './source-date.ts';

const run = promisify(execFile);

async function main(): Promise<void> {
  const executables = process.argv.slice(2);
  const date = await sourceDate();
  await rm(output, { recursive: true, force: true });
  await mkdir(output, { recursive: true });
  await copyFile(join(root, 'dist/basyn.cjs'), join(output, `basyn-${version}.cjs`));
  await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', output], { cwd: root });
  await buildDebianPackage(scriptPackage, date, output);
  for (const executable of executables) await addExecutable(executable, date);
  const changelog = await readFile(join(root, 'CHANGELOG.md'), 'utf8');
  await writeFile(join(output, 'release-notes.md'), releaseNotes(changelog, version));
  const nodes = await Promise.all(executables.slice(0, 1).map(nodeIn));
  await writeFile(join(output, `basyn-${version}.cdx.json`), await billOfMaterials(date, nodes));
  await writeFile(join(output, 'SHA256SUMS'), await sums());
}

async function addExecutable(executable: string, date: Date): Promise<void> {
  await buildDebianPackage(standalonePackage(executable), date, output);
  const copy = join(output, basename(executable).replace('basyn', `basyn-${version}`));
  await copyFile(executable, copy);
  // One thread: the output does not depend on the number of processors.
  await run('xz', ['-6', '--threads=1', copy]);
}

/** All executables contain the same version. The first one is that of this machine. */
async function nodeIn(executable: string): Promise<Part> {
  const { stdout } = await run(executable, ['-e', 'console.log(process.versions.node)']);
  return { name: 'node', version: stdout.trim(), license: 'MIT' };
}

async function sums(): Promise<string> {
  const names = (await readdir(output)).sort();
  const lines = names.map(async (name) => {
    const digest = createHash('sha256').update(await readFile(join(output, name)));
    return `${digest.digest('hex')}  ${basename(name)}\n`;
  });
  return (await Promise.all(lines)).join('');
}

await main();
