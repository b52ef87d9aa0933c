import { execFileSync } from 'node:child_process';
import { librariesIn, unpackedPackages } from './unpacked-packages.ts';

const parts = [
  'libnode108',
  'libbrotli1',
  'libc-ares2',
  'libicu72',
  'libnghttp2-14',
  'libuv1',
  'node-acorn',
  'node-busboy',
  'node-cjs-module-lexer',
  'node-undici',
];

/**
 * The beginning of a command that runs the node of Debian 12, which is linked against libnode and loads JavaScript of its
 * package. It runs in a view of this machine that has its files; nothing is installed. It needs root and Debian 12.
 */
export function distributionNode(): readonly [string, ...string[]] {
  const unpacked = unpackedPackages(`nodejs=${versionOfDebian()}`, ...parts);
  const script = [
    'mount -t overlay overlay -o lowerdir="$1/usr/share":/usr/share /usr/share',
    'export LD_LIBRARY_PATH="$2"',
    'node="$1/usr/bin/node"',
    'shift 2',
    'exec "$node" "$@"',
  ].join(' && ');
  return ['unshare', '--mount', 'sh', '-c', script, 'sh', unpacked, librariesIn(unpacked)];
}

/** The lists of a machine may also have the packages of NodeSource, which are linked otherwise. */
function versionOfDebian(): string {
  const lines = execFileSync('apt-cache', ['madison', 'nodejs'], { encoding: 'utf8' }).split('\n');
  const versions = lines.map((line) => line.split('|')[1]?.trim() ?? '');
  const found = versions.find((version) => version.startsWith('18.') && version.includes('~deb12'));
  if (found === undefined) {
    throw new Error('the lists of packages of this machine have no node of Debian 12');
  }
  return found;
}
