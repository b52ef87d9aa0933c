import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { testFilesWithout } from './import-graph.ts';

const root = resolve(import.meta.dirname, '../..');

/** Files that `npm run test:quick` avoids: ssh servers, links, virtual machines. */
const slowParts = ['rig/ssh/', 'rig/relay/', 'test/lab/'];
/**
 * It also avoids the build, whatever starts other programs, tests that wait for a failure, and runs with a state file, which wait
 * until the times of the target have settled.
 */
const slowText =
  /\bdist\/|test\.fails|'node:child_process'|'vitest\/node'|\/transport\/child\.ts'|Recorder\.open\(/;

/**
 * The test files of `npm run test:quick`, from the project's root: those that need nothing slow, by what they import,
 * directly or through others. So there is no list that could become wrong.
 */
export function quickTestFiles(): string[] {
  return testFilesWithout(isSlow);
}

/**
 * Whether a test file replaces modules or functions, so that it needs a process of its own. The others share the modules
 * that they import, which takes a third of the processor time.
 */
export function isMocking(file: string): boolean {
  return readFileSync(join(root, file), 'utf8').includes('vi.');
}

function isSlow(file: string): boolean {
  if (slowParts.some((part) => file.startsWith(part))) return true;
  return /^(test|rig)\//.test(file) && slowText.test(readFileSync(join(root, file), 'utf8'));
}
