import { join } from 'node:path';
import { root } from '../bundle.ts';

/** Where the files of a release are put. */
export const releaseDirectory = process.env.BASYN_RELEASE_DIRECTORY ?? join(root, 'release');
