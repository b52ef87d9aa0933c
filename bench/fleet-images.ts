/** Many small images. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { filesEqual, writeImage } from '../rig/images/images.ts';

const IMAGE_BYTES = 16 * 1024 * 1024;

/** Source and target are directories. */
export function makeFleet(source: string, target: string, sizeBytes: number): void {
  for (const directory of [source, target]) mkdirSync(directory);
  const count = Math.floor(sizeBytes / IMAGE_BYTES);
  for (let index = 0; index < count; index++) {
    const path = join(source, `${index}.img`);
    writeImage(path, IMAGE_BYTES, { seed: index });
    execFileSync('cp', ['--sparse=never', path, target]);
  }
}

export function areFleetsEqual(source: string, target: string): boolean {
  const names = readdirSync(source);
  assert.deepEqual(readdirSync(target), names);
  return names.every((name) => filesEqual(join(source, name), join(target, name), IMAGE_BYTES));
}
