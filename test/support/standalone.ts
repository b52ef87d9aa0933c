import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';
import { hostProcessor } from '../../scripts/standalone/runtime.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';

const root = resolve(import.meta.dirname, '../..');
const buildTimeoutMs = 180_000;

/** The standalone executable, made for the tests of the file. */
export function useStandalone(): { readonly path: string; build(): Promise<string> } {
  const directory = makeTemporaryDirectory('standalone');
  const folders = { first: join(directory.path, 'first'), second: join(directory.path, 'second') };
  beforeAll(async () => {
    await buildIn(folders.first);
  }, buildTimeoutMs);
  afterAll(() => directory.remove());
  return { path: executableIn(folders.first), build: () => buildIn(folders.second) };
}

async function buildIn(folder: string): Promise<string> {
  const tsx = join(root, 'node_modules/.bin/tsx');
  // tsx leaves files in the directory for temporary files.
  mkdirSync(folder);
  const options = { cwd: root, env: { ...process.env, TMPDIR: folder } };
  await promisify(execFile)(tsx, ['scripts/standalone/main.ts', hostProcessor(), folder], options);
  return executableIn(folder);
}

function executableIn(folder: string): string {
  return join(folder, `basyn-linux-${hostProcessor()}`);
}
