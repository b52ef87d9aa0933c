import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { filledOnce } from './lab-cache.ts';

/**
 * A directory with the files of Debian packages, which are not installed: no script of theirs runs. They are downloaded
 * once, into the user's cache.
 *
 * @param names as `apt-get download` takes them: NAME or NAME=VERSION.
 */
export function unpackedPackages(...names: readonly string[]): string {
  return filledOnce(`unpacked-${names.join('+')}`, (directory) => {
    const options = { cwd: directory, stdio: 'pipe' } as const;
    download(names, options);
    execFileSync('sh', ['-c', 'for each in ./*.deb; do dpkg-deb -x "$each" . && rm "$each"; done'], options);
  });
}

function download(names: readonly string[], options: { cwd: string; stdio: 'pipe' }): void {
  const args = ['download', '-qq', '-o', 'APT::Sandbox::User=root', ...names];
  try {
    execFileSync('apt-get', args, options);
  } catch {
    // A fresh machine has no lists of packages, or old ones. If that was not the reason, the second attempt also fails.
    execFileSync('apt-get', ['update', '-qq'], options);
    execFileSync('apt-get', args, options);
  }
}

/** Their shared libraries, for LD_LIBRARY_PATH. */
export function librariesIn(unpacked: string): string {
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  return join(unpacked, 'usr/lib', `${machine}-linux-gnu`);
}
