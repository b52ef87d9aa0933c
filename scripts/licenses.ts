import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './bundle.ts';

/** Software that is compiled into bundled files, so that no package of its own names it. */
interface CompiledIn {
  readonly name: string;
  readonly license: string;
  /** Its text, in scripts/licenses. */
  readonly text: string;
  /** The files, or the beginning of their paths from the root. */
  readonly within: string;
}

const compiledIn: readonly CompiledIn[] = [
  { name: 'zstd', license: 'BSD-3-Clause', text: 'zstd.txt', within: 'node_modules/@bokuweb/zstd-wasm/' },
  { name: 'Emscripten', license: 'MIT', text: 'emscripten.txt', within: 'node_modules/@bokuweb/zstd-wasm/' },
  { name: 'musl', license: 'MIT', text: 'musl.txt', within: 'node_modules/@bokuweb/zstd-wasm/' },
  { name: 'xxHash', license: 'BSD-2-Clause', text: 'xxhash.txt', within: 'wasm/xxh128.ts' },
];

/** The texts of packages that name their licence and do not ship its text. */
const missingTexts: Record<string, string> = { '@bokuweb/zstd-wasm': 'zstd-wasm.txt', saxes: 'saxes.txt' };

/**
 * The licences of all packages that these files belong to, and of what is compiled into the files. The files are paths from
 * the root.
 */
export async function licensesOf(files: readonly string[]): Promise<string> {
  const folders = new Set(files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []));
  const parts = compiledIn.filter(({ within }) => files.some((file) => file.startsWith(within)));
  const sections = await Promise.all([
    ...[...folders].sort().map(sectionOfPackage),
    ...parts.map(async ({ name, license, text }) => `${name} (${license})\n\n${await ownText(text)}`),
  ]);
  return sections.join(`\n${'-'.repeat(72)}\n\n`);
}

async function sectionOfPackage(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(
    await readFile(join(root, folder, 'package.json'), 'utf8'),
  ) as Record<'name' | 'version' | 'license', string>;
  return `${name} ${version} (${license})\n\n${await textOf(name, folder)}`;
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
