/**
 * `npm run build:deb [-- EXECUTABLE...]`: makes the Debian package of the script in release/, and that of each standalone
 * executable that is given.
 */
import { mkdir } from 'node:fs/promises';
import { buildDebianPackage } from './debian/package.ts';
import { scriptPackage, standalonePackage } from './debian/packages.ts';
import { releaseDirectory } from './release/directory.ts';
import { sourceDate } from './source-date.ts';

const date = await sourceDate();
await mkdir(releaseDirectory, { recursive: true });
for (const made of [scriptPackage, ...process.argv.slice(2).map(standalonePackage)]) {
  console.log(await buildDebianPackage(made, date, releaseDirectory));
}
