import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { filledOnce } from '../support/lab-cache.ts';

/** Each package with the names it may have. A change of this list needs a new name of the directory. */
const packages = [
  ['user-mode-linux'],
  ['dmsetup'],
  ['libdevmapper1.02.1'],
  ['kmod'],
  ['lvm2'],
  ['libdevmapper-event1.02.1'],
  ['thin-provisioning-tools'],
  ['libexpat1'],
  // The name depends on the release.
  ['libaio1t64', 'libaio1'],
];

/**
 * Debian's packages with the kernel and its tools, downloaded once and unpacked into the user's cache. Nothing is
 * installed: no maintainer script runs, and no service starts.
 *
 * @returns the directory that they are unpacked in.
 * @throws Error if they cannot be downloaded.
 */
export function unpackedPackages(): string {
  return filledOnce('packages-3', (directory) => {
    download(directory);
    for (const name of readdirSync(directory).filter((file) => file.endsWith('.deb'))) {
      execFileSync('dpkg-deb', ['-x', join(directory, name), directory]);
      rmSync(join(directory, name));
    }
    // modprobe is another name of kmod, and it looks for modules in lib/modules.
    symlinkSync('kmod', join(directory, 'bin', 'modprobe'));
    symlinkSync('../usr/lib/uml/modules', join(directory, 'lib', 'modules'));
  });
}

function download(directory: string): void {
  const options = { cwd: directory, stdio: 'pipe', encoding: 'utf8' } as const;
  const args = ['download', '-qq', '-o', 'APT::Sandbox::User=root'];
  try {
    execFileSync('apt-get', [...args, ...packages.map(nameOf)], options);
  } catch {
    // A fresh machine has no lists of packages, or old ones. If that was not the reason, the second attempt also fails.
    execFileSync('apt-get', ['update', '-qq'], options);
    execFileSync('apt-get', [...args, ...packages.map(nameOf)], options);
  }
}

/** The name that is in the machine's lists of packages; the last one if none is. */
function nameOf(names: readonly string[]): string {
  const isKnown = (name: string) => spawnSync('apt-cache', ['show', name], { stdio: 'ignore' }).status === 0;
  return names.find((name) => isKnown(name)) ?? names.at(-1)!;
}
