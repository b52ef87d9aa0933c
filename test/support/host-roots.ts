import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { startSshServer, type SshServer } from '../../rig/ssh/index.ts';
import { atExit, makeTemporaryDirectory } from '../../rig/temporary.ts';
import { loadRuntime } from '../../src/transport/runtime/runtime.ts';
import { unpackedPackages } from './unpacked-packages.ts';
import { filledOnce } from './lab-cache.ts';

/** What a root contains: a static busybox and nothing else, the same with musl, or Debian's smallest system. */
export type RootKind = 'busybox' | 'busybox and musl' | 'debian';

/** How a root differs from an ordinary machine. */
export interface RootOptions {
  readonly kind: RootKind;
  /** Of the account: its command without the `-c`. */
  readonly shell?: string;
  /** Options of mount for /dev/shm. Undefined: there is none. */
  readonly memory?: string | undefined;
  /** Options of mount for a file system in memory that replaces each of /tmp, /var/tmp and /root. */
  readonly disks?: string;
}

/** A root without node, and an ssh server whose sessions enter it. */
export interface HostRoot {
  readonly path: string;
  /** A program in the root that runs node. No search for `node` finds it; it is there for {@link writeLauncher}. */
  readonly hiddenNode: string;
  readonly server: SshServer;
  /** Names in the directories in which a runtime may be put. */
  leftovers(): string[];
}

/** Debian's smallest system is a hundred packages. */
const installLimitMs = 600_000;
const places = ['dev/shm', 'tmp', 'var/tmp', 'root', 'root/.cache', 'root/.cache/basyn'];
const hiddenNode = '/opt/node/start';
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A root for all tests of the `describe` around it. It needs root. */
export function useHostRoot(options: RootOptions): () => HostRoot {
  let root: HostRoot | undefined;
  let made: ReturnType<typeof makeRoot> | undefined;
  beforeAll(async () => {
    made = makeRoot(options);
    const { path } = await made;
    const { shell = '/bin/sh' } = options;
    const instead = `exec env -i HOME=/root PATH=${searchPath} chroot ${path} ${shell} -c "$SSH_ORIGINAL_COMMAND"`;
    const server = await startSshServer({ keyExchange: 'cheapest', profile: { instead } });
    const leftovers = (): string[] => places.flatMap((place) => namesIn(join(path, place)));
    root = { path, hiddenNode, server, leftovers };
  }, installLimitMs);
  afterAll(async () => {
    await root?.server.stop();
    // Also that of a hook which took too long.
    (await made)?.remove();
  });
  return () => root!;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => /^(basyn-|[0-9a-f]{64}$)/.test(name));
  } catch {
    return [];
  }
}

/** The caller removes the root. */
export async function makeRoot({
  kind,
  memory,
  disks,
}: RootOptions): Promise<{ path: string; remove: () => void }> {
  const directory = makeTemporaryDirectory('root');
  const { path } = directory;
  if (kind === 'debian') installDebian(path);
  else installBusybox(path, kind);
  chmodSync(path, 0o755);
  const mounts: string[] = [];
  const mount = (place: string, ...args: readonly string[]): void => {
    mkdirSync(join(path, place), { recursive: true });
    mountAt(place, args);
  };
  const mountAt = (place: string, args: readonly string[]): void => {
    execFileSync('mount', [...args, join(path, place)]);
    mounts.unshift(join(path, place));
  };
  const remove = atExit(() => {
    for (const each of mounts) execFileSync('umount', ['-l', each]);
    directory.remove();
  });
  mount('proc', '-t', 'proc', 'proc');
  mount('sys', '-t', 'sysfs', 'sysfs');
  if (memory !== undefined) mount('dev/shm', '-t', 'tmpfs', '-o', memory, 'tmpfs');
  if (disks !== undefined) {
    for (const place of ['tmp', 'var/tmp', 'root', 'run']) mount(place, '-t', 'tmpfs', '-o', disks, 'tmpfs');
  }
  const node = await installHiddenNode(path);
  mountAt(node.place, ['--bind', node.path]);
  return { path, remove };
}

/** @returns where the program itself has to be mounted: it is large. */
async function installHiddenNode(path: string): Promise<{ place: string; path: string }> {
  const directory = dirname(hiddenNode);
  mkdirSync(join(path, directory), { recursive: true });
  const { files } = await loadRuntime({ kind: 'this process' });
  for (const file of files.slice(0, -1)) copyFileSync(file.path, join(path, directory, file.name));
  writeFileSync(join(path, directory, 'node'), '');
  const start = `exec ${directory}/ld --library-path ${directory} ${directory}/node "$@"`;
  writeFileSync(join(path, hiddenNode), `#!/bin/sh\n${start}\n`, { mode: 0o755 });
  return { place: join(directory, 'node'), path: files.at(-1)!.path };
}

function installBusybox(path: string, kind: RootKind): void {
  for (const name of ['bin', 'dev', 'tmp', 'var/tmp', 'root'])
    mkdirSync(join(path, name), { recursive: true });
  for (const name of ['tmp', 'var/tmp']) chmodSync(join(path, name), 0o1777);
  copyFileSync(join(unpackedPackages('busybox-static'), 'bin/busybox'), join(path, 'bin/busybox'));
  if (kind === 'busybox and musl') {
    mkdirSync(join(path, 'lib'));
    const musl = join(unpackedPackages('musl'), 'lib/x86_64-linux-musl/libc.so');
    copyFileSync(musl, join(path, 'lib/ld-musl-x86_64.so.1'));
  }
  const applets = execFileSync(join(path, 'bin/busybox'), ['--list'], { encoding: 'utf8' });
  for (const applet of applets.split('\n').filter((name) => name !== '' && name !== 'busybox'))
    symlinkSync('busybox', join(path, 'bin', applet));
  execFileSync('mknod', ['-m', '666', join(path, 'dev/null'), 'c', '1', '3']);
  execFileSync('mknod', ['-m', '666', join(path, 'dev/urandom'), 'c', '1', '9']);
}

function installDebian(path: string): void {
  const fresh = filledOnce('debian-bookworm-1', (directory) => {
    const options = ['--variant=minbase', '--components=main'];
    execFileSync('debootstrap', [...options, 'bookworm', directory], { stdio: 'pipe' });
    execFileSync('chroot', [directory, 'apt-get', 'clean']);
  });
  execFileSync('cp', ['--archive', `${fresh}/.`, path]);
}
