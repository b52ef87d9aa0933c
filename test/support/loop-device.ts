import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync } from 'node:fs';
import { atExit } from '../../rig/temporary.ts';

/**
 * Loop devices, mounts and swap need root: `describe.skipIf(!isRoot)`, with "(needs root)" in the name.
 * `npm run test:quick` skips them, even as root.
 */
export const isRoot = process.getuid?.() === 0 && process.env.BASYN_TEST_QUICK === undefined;

export interface LoopOptions {
  readonly readOnly?: boolean;
  /** The offset in the file at which the device begins. */
  readonly offsetBytes?: number;
  /** The device's size, if it is not the rest of the file. */
  readonly sizeLimitBytes?: number;
  /** How it reads and writes its file. By default `direct` if the file supports that. */
  readonly io?: 'direct' | 'buffered';
  /** Reads the partition table: partitions are then at `PATHp1` and so on. */
  readonly partitioned?: boolean;
  /** Instead of the next free one. A number far behind those stays free when it is detached for a moment. */
  readonly path?: string;
}

/** A block device over a file, until `detach` or at the latest until this process exits. */
export interface LoopDevice {
  readonly path: string;
  readonly detach: () => void;
}

/** Makes a loop device of the next free number. */
export function attachLoop(file: string, options: LoopOptions = {}): LoopDevice {
  const args = [
    ...(options.readOnly ? ['--read-only'] : []),
    ...(options.partitioned ? ['--partscan'] : []),
    ...(options.offsetBytes === undefined ? [] : ['--offset', `${options.offsetBytes}`]),
    ...(options.sizeLimitBytes === undefined ? [] : ['--sizelimit', `${options.sizeLimitBytes}`]),
  ];
  const { path: chosen } = options;
  const path =
    chosen === undefined
      ? retried(() => run('losetup', ['--find', '--show', ...args, file]))
      : (run('losetup', [...args, chosen, file]), chosen);
  const detach = atExit(() => run('losetup', ['--detach', path]));
  if (options.io !== 'buffered') useDirectIo(path);
  // A kernel may not support the table's format; partx adds the partitions.
  if (options.partitioned) run('partx', ['--update', path]);
  return { path, detach };
}

/** A file in memory, or an unaligned offset, does not support direct I/O. */
function useDirectIo(path: string): void {
  try {
    run('losetup', ['--direct-io=on', path]);
  } catch (error) {
    if (!String(error).includes('Invalid argument')) throw error;
  }
}

/** Mounts a device on a new directory, until the returned function is called or this process exits. */
export function mount(device: string, directory: string, options = 'defaults'): () => void {
  mkdirSync(directory);
  run('mount', ['-o', options, device, directory]);
  return unmountOnce(directory);
}

/** Mounts a small file system in memory: it is full after `sizeBytes`. */
export function mountTmpfs(directory: string, sizeBytes: number): () => void {
  mkdirSync(directory);
  run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'basyn-test', directory]);
  return unmountOnce(directory);
}

/** Mounts a file itself, read-only, on a new directory; mount(8) would attach a loop device to it. */
export function mountFile(file: string, directory: string, type: string): () => void {
  mkdirSync(directory);
  run('/usr/bin/python3', ['-c', mountProgram, file, directory, type]);
  return unmountOnce(directory);
}

/** In Python: mounts a file on a directory as a type. mount(8) would make a loop device. */
export const mountProgram = [
  'import ctypes, os, sys',
  'libc = ctypes.CDLL(None, use_errno=True)',
  'names = [os.fsencode(name) for name in sys.argv[1:]]',
  'sys.exit(libc.mount(*names, 1, None) and os.strerror(ctypes.get_errno()))',
].join('\n');

/** Mounts an overlay on a new directory. Any character may be in a name. */
export function mountOverlay(
  directory: string,
  { lower, upper, work }: { readonly lower: string; readonly upper: string; readonly work: string },
): () => void {
  mkdirSync(directory);
  const escaped = (path: string): string => path.replace(/[\\,:]/g, '\\$&');
  const layers = { lowerdir: lower, upperdir: upper, workdir: work };
  const options = Object.entries(layers).map(([name, path]) => `${name}=${escaped(path)}`);
  run('mount', ['-i', '-t', 'overlay', '-o', options.join(','), 'basyn-test', directory]);
  return unmountOnce(directory);
}

/** Makes a swap area of a device or file and uses it, until the returned function is called, or at exit. */
export function swapOn(path: string): () => void {
  run('mkswap', [path]);
  run('swapon', [path]);
  return atExit(() => run('swapoff', [path]));
}

export function makeFileSystem(path: string): void {
  run('mkfs.ext4', ['-q', '-F', path]);
}

/** A partition table (MBR) with up to four Linux partitions, to be written at the start of a disk. */
export function partitionTable(parts: readonly { startBytes: number; sizeBytes: number }[]): Buffer {
  const table = Buffer.alloc(512);
  parts.forEach(({ startBytes, sizeBytes }, index) => {
    const entry = 446 + 16 * index;
    table.writeUInt8(0x83, entry + 4);
    table.writeUInt32LE(startBytes / 512, entry + 8);
    table.writeUInt32LE(sizeBytes / 512, entry + 12);
  });
  table.writeUInt16LE(0xaa55, 510);
  return table;
}

function unmountOnce(directory: string): () => void {
  return atExit(() => {
    run('umount', [directory]);
    rmdirSync(directory);
  });
}

/** Another process may take the free number first, or the service that watches devices may keep one open. */
function retried<T>(attempt: () => T): T {
  for (let failures = 0; ; failures++) {
    try {
      return attempt();
    } catch (error) {
      if (failures === 10) throw error;
    }
  }
}

function run(file: string, args: readonly string[]): string {
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
  return execFileSync(file, args, {
    encoding: 'utf8',
    stdio: 'pipe',
    env: { ...process.env, PATH: path },
  }).trim();
}
