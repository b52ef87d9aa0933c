import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';
import { root } from '../bundle.ts';
import {
  type ControlFields,
  changelogText,
  controlText,
  copyrightText,
  debianVersion,
  reloadScript,
} from './documents.ts';

const run = promisify(execFile);

export interface DebianPackage {
  readonly control: ControlFields;
  /** The file that becomes /usr/bin/basyn. */
  readonly program: string;
  /** Lines for lintian's overrides: tags that do not apply, and comments with the reasons. */
  readonly overrides: readonly string[];
  /** The file with the licences of what the program contains. */
  readonly licences: string;
}

/**
 * Builds a package from dist/, and resolves with the path of the file. Two builds with the same date give the same bytes.
 *
 * @throws {Error} if a file is missing, or dpkg-deb fails.
 */
export async function buildDebianPackage(made: DebianPackage, date: Date, output: string): Promise<string> {
  const tree = makeTemporaryDirectory('debian');
  const { Package: name, Architecture: architecture } = made.control;
  const file = join(output, `${name}_${debianVersion}_${architecture}.deb`);
  const partial = `${file}.partial`;
  try {
    await fill(tree.path, made, date);
    const kilobytes = Math.ceil((await bytesBelow(tree.path)) / 1024);
    await add(tree.path, 'DEBIAN/control', controlText(made.control, kilobytes));
    for (const script of ['postinst', 'postrm']) {
      await add(tree.path, `DEBIAN/${script}`, reloadScript);
      await chmod(join(tree.path, 'DEBIAN', script), 0o755);
    }
    await addSums(tree.path);
    await setTimes(tree.path, date);
    const env = { ...process.env, SOURCE_DATE_EPOCH: `${date.getTime() / 1000}` };
    // One thread of xz: its output does not depend on the number of processors.
    const args = ['--root-owner-group', '-Zxz', '--threads-max=1', '--build', tree.path, partial];
    await run('dpkg-deb', args, { env });
    await rename(partial, file);
    return file;
  } finally {
    await rm(partial, { force: true });
    tree.remove();
  }
}

async function fill(tree: string, made: DebianPackage, date: Date): Promise<void> {
  const name = made.control.Package;
  const documents = `usr/share/doc/${name}`;
  const completions = {
    'basyn.bash': 'usr/share/bash-completion/completions/basyn',
    _basyn: 'usr/share/zsh/vendor-completions/_basyn',
    'basyn.fish': 'usr/share/fish/vendor_completions.d/basyn.fish',
  };
  await chmod(tree, 0o755);
  await add(tree, 'usr/bin/basyn', await readFile(made.program));
  await chmod(join(tree, 'usr/bin/basyn'), 0o755);
  await add(tree, 'usr/share/man/man1/basyn.1.gz', packed(await readFile(join(root, 'dist/basyn.1'))));
  for (const [from, to] of Object.entries(completions)) {
    await add(tree, to, await readFile(join(root, 'dist/completions', from)));
  }
  await add(tree, `${documents}/copyright`, await copyrightText(made.licences));
  await add(tree, `${documents}/changelog.gz`, packed(await readFile(join(root, 'CHANGELOG.md'))));
  await add(tree, `${documents}/changelog.Debian.gz`, packed(changelogText(name, date)));
  await add(tree, `${documents}/README.md`, await readFile(join(root, 'README.md')));
  for (const folder of ['docs', 'examples']) {
    for (const file of await filesBelow(join(root, folder))) {
      await add(tree, `${documents}/${folder}/${file}`, await readFile(join(root, folder, file)));
    }
  }
  for (const unit of await filesBelow(join(root, 'examples/systemd'))) {
    await add(tree, `usr/lib/systemd/system/${unit}`, await readFile(join(root, 'examples/systemd', unit)));
  }
  await add(tree, `usr/share/lintian/overrides/${name}`, `${made.overrides.join('\n')}\n`);
}

/** Like `gzip -9n`: without a name and a time. */
function packed(content: string | Uint8Array): Buffer {
  return gzipSync(content, { level: 9 });
}

async function add(tree: string, path: string, content: string | Uint8Array): Promise<void> {
  const file = join(tree, path);
  // The umask of the user is not that of the package.
  for (const folder of (await mkdir(dirname(file), { recursive: true })) === undefined
    ? []
    : foldersOf(path)) {
    await chmod(join(tree, folder), 0o755);
  }
  await writeFile(file, content);
  await chmod(file, 0o644);
}

function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

async function filesBelow(tree: string): Promise<string[]> {
  const entries = await readdir(tree, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(tree.length + 1))
    .sort();
}

async function bytesBelow(tree: string): Promise<number> {
  const sizes = await Promise.all(
    (await filesBelow(tree)).map(async (file) => (await stat(join(tree, file))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function addSums(tree: string): Promise<void> {
  const files = (await filesBelow(tree)).filter((file) => !file.startsWith('DEBIAN/'));
  const { stdout } = await run('md5sum', files, { cwd: tree });
  await add(tree, 'DEBIAN/md5sums', stdout);
}

async function setTimes(tree: string, date: Date): Promise<void> {
  const paths = await readdir(tree, { recursive: true });
  for (const path of ['', ...paths]) await utimes(join(tree, path), date, date);
}
