/** `npm run readme`: writes the parts of README.md that are made from the source. Today that is the table of options. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './bundle.ts';
import { withOptionTable } from './readme-options.ts';

const file = join(root, 'README.md');
await writeFile(file, withOptionTable(await readFile(file, 'utf8')));
