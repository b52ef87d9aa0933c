/**
 * `npm run build:deb [-- EXECUTABLE...]`: makes the Debian package of the script in release/, and that of each standalone
 * executable that is given.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './bundle.ts';
import { buildDebianPackage } from './debian/package.ts';
import { scriptPackage, standalonePackage } from './debian/packages.ts';
import { sourceDate } from './source-date.ts';

const output = join(root, 'release');
const date = await sourceDate();
await mkdir(output, { recursive: true });
for (const made of [scriptPackage, ...process.argv.slice(2).map(standalonePackage)]) {
  console.log(await buildDebianPackage(made, date, output));
}
