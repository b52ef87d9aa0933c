import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hostProcessor, runtimeFor } from '../../scripts/standalone/runtime.ts';
import { makeTemporaryDirectory, memoryDirectory } from '../../rig/temporary.ts';

/** @returns the clean-up after the last test. */
export default async function setup(): Promise<() => void> {
  const isLab = process.env.BASYN_TEST_LAB !== undefined;
  for (const name of ['nodes', 'package-checks', ...(isLab ? ['nodes/lab'] : [])]) {
    installPackages(fileURLToPath(new URL(`../${name}/`, import.meta.url)));
  }
  // For the standalone executable: another 45 MB.
  if (process.env.BASYN_TEST_QUICK === undefined) await runtimeFor(hostProcessor());
  forgetNodeSettings();
  return takeTemporaryDirectories();
}

/**
 * Gives the run and all its descendants separate temporary directories: see temporary-files.ts. They are removed
 * with everything that a test process, which may be killed, has left there, even if the run is interrupted.
 */
function takeTemporaryDirectories(): () => void {
  const disk = makeTemporaryDirectory('run');
  chmodSync(disk.path, 0o711);
  process.env.TMPDIR = disk.path;
  const memory = memoryDirectory === undefined ? undefined : makeTemporaryDirectory('run', memoryDirectory);
  if (memory !== undefined) process.env.BASYN_TEST_MEMORY = memory.path;
  return () => {
    disk.remove();
    memory?.remove();
  };
}

/** About 140 MB in all, so only when the tests run, and only if they are not installed yet. */
function installPackages(folder: string): void {
  const wanted = `${folder}package-lock.json`;
  const installed = `${folder}node_modules/.package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return;
  console.log(`Installing what the tests need in ${folder} ...`);
  execFileSync('npm', ['ci'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}

/**
 * The caller's environment may make every node preload a module. That must not be tested, and the tests start hundreds
 * of nodes. It is removed only now, because `npm ci` may need it to reach its registry.
 */
function forgetNodeSettings(): void {
  delete process.env.NODE_EXTRA_CA_CERTS;
  delete process.env.NODE_OPTIONS;
  // tsx keeps compiled files in the temporary directory.
  process.env.TSX_DISABLE_CACHE = '1';
}
