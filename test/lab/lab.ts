import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';
import { runGuest } from './kernel.ts';
import { unpackedPackages } from './packages.ts';
import type { LabResult } from './guest/results.ts';

const root = resolve(import.meta.dirname, '../..');
const MiB = 1024 * 1024;
/** The source's size is the file's; the other disks are larger than what any test needs of them. */
const diskBytes = [3 * MiB, 64 * MiB, 256 * MiB, 64 * MiB];

/** The results of a run of the laboratory. */
export interface LabReport {
  readonly results: readonly LabResult[];
  /** The end of the guest's console, to explain missing results. */
  readonly lastLines: string;
}

/**
 * Boots the guest and lets it run these tests over the built executable. Needs root, Debian's packages and the build.
 *
 * @throws Error if the guest cannot be prepared. A guest that dies is not an error: its results are missing.
 */
export async function runLab(testNames: readonly string[], limitMs: number): Promise<LabReport> {
  const tools = unpackedPackages();
  const temporary = makeTemporaryDirectory('lab');
  const directory = temporary.path;
  try {
    copyFileSync(join(root, 'dist/basyn.cjs'), join(directory, 'basyn.cjs'));
    copyFileSync(join(root, 'examples/backup-lvm.sh'), join(directory, 'backup-lvm.sh'));
    writeFileSync(join(directory, 'tests.json'), JSON.stringify(testNames));
    bundleGuestProgram(join(directory, 'guest.mjs'));
    const logPath = join(directory, 'console');
    await runGuest({
      tools,
      disks: makeDisks(directory),
      init: join(import.meta.dirname, 'guest/init.sh'),
      env: {
        LAB_DIRECTORY: directory,
        LAB_TOOLS: tools,
        LAB_NODE: dirname(process.execPath),
        LAB_PROCESS: `${process.pid}`,
      },
      logPath,
      limitMs,
    });
    const lastLines = readFileSync(logPath, 'utf8').replaceAll('\r', '').split('\n').slice(-20).join('\n');
    return { results: readResults(join(directory, 'results')), lastLines };
  } finally {
    temporary.remove();
  }
}

function makeDisks(directory: string): string[] {
  return diskBytes.map((sizeBytes, index) => {
    const path = join(directory, `disk-${index}`);
    writeFileSync(path, '');
    truncateSync(path, sizeBytes);
    return path;
  });
}

function bundleGuestProgram(path: string): void {
  const esbuild = createRequire(import.meta.url).resolve('esbuild/bin/esbuild');
  const flags = ['--bundle', '--platform=node', '--format=esm', '--target=node20', '--log-level=error'];
  const entry = join(import.meta.dirname, 'guest/program.ts');
  execFileSync(process.execPath, [esbuild, entry, ...flags, `--outfile=${path}`]);
}

function readResults(path: string): LabResult[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as LabResult);
}
