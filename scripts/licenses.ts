import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './bundle.ts';

/** Software that is compiled into a package, so that no file of node_modules names it. */
interface CompiledIn {
  readonly name: string;
  readonly license: string;
  /** Its text, in scripts/licenses. */
  readonly text: string;
}

const compiledIn: Record<string, readonly CompiledIn[]> = {
  '@bokuweb/zstd-wasm': [
    { name: 'zstd', license: 'BSD-3-Clause', text: 'zstd.txt' },
    { name: 'Emscripten', license: 'MIT', text: 'emscripten.txt' },
    { name: 'musl', license: 'MIT', text: 'musl.txt' },
  ],
  'hash-wasm': [{ name: 'xxHash', license: 'BSD-2-Clause', text: 'xxhash.txt' }],
};

/** The texts of packages that name their licence and do not ship its text. */
const missingTexts: Record<string, string> = { '@bokuweb/zstd-wasm': 'zstd-wasm.txt' };

/** The licences of all packages that these files belong to. The files are paths from the root. */
export async function licensesOf(files: readonly string[]): Promise<string> {
  const folders = new Set(files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []));
  const sections = await Promise.all([...folders].sort().map(sectionsOf));
  return sections.flat().join(`\n${'-'.repeat(72)}\n\n`);
}

async function sectionsOf(folder: string): Promise<string[]> {
  const { name, version, license } = JSON.parse(
    await readFile(join(root, folder, 'package.json'), 'utf8'),
  ) as Record<'name' | 'version' | 'license', string>;
  const inner = (compiledIn[name] ?? []).map(
    async (part) => `${part.name}, in ${name} ${version} (${part.license})\n\n${await ownText(part.text)}`,
  );
  return [`${name} ${version} (${license})\n\n${await textOf(name, folder)}`, ...(await Promise.all(inner))];
}

async function textOf(name: string, folder: string): Promise<string> {
  const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license']
    .map((candidate) => join(root, folder, candidate))
    .find(existsSync);
  if (file !== undefined) return readFile(file, 'utf8');
  const ours = missingTexts[name];
  if (ours === undefined) throw new Error(`${name} is bundled, and the text of its licence is missing`);
  return ownText(ours);
}

function ownText(name: string): Promise<string> {
  return readFile(join(root, 'scripts/licenses', name), 'utf8');
}
