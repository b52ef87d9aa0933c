import { execFileSync } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { makeRandom } from '../../rig/images/random.ts';
import { attachLoop, isRoot, mount } from './loop-device.ts';
import { memoryDirectory, scratchDirectory } from './scratch.ts';

/** The file systems whose holes are used. All but tmpfs are on a loop device, which needs root. */
export const sparseFileSystems = [
  { kind: 'tmpfs', isUsable: true },
  { kind: 'ext4', isUsable: isRoot },
  { kind: 'xfs', isUsable: isRoot },
  { kind: 'btrfs', isUsable: isRoot },
] as const;
export type SparseFileSystem = (typeof sparseFileSystems)[number]['kind'];

const makers = {
  ext4: ['mkfs.ext4', '-q', '-F'],
  /** Their times have no fractions of a second. */
  'ext4 with small inodes': ['mkfs.ext4', '-q', '-F', '-I', '128'],
  xfs: ['mkfs.xfs', '-q', '-f'],
  btrfs: ['mkfs.btrfs', '--quiet', '--force'],
} as const;

/** An empty directory on a file system of this kind, until the test ends. */
export function directoryOn(kind: SparseFileSystem | keyof typeof makers): string {
  if (kind === 'tmpfs') return scratchDirectory(memoryDirectory);
  const backing = join(scratchDirectory(), 'backing');
  writeFileSync(backing, '');
  truncateSync(backing, 512 * 1024 * 1024);
  const [program, ...options] = makers[kind];
  execFileSync(program, [...options, backing], {
    stdio: 'pipe',
    env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
  });
  const { path, detach } = attachLoop(backing);
  onTestFinished(detach);
  const mountPoint = `${backing}-mounted`;
  onTestFinished(mount(path, mountPoint));
  return mountPoint;
}

export interface DataRange {
  readonly at: number;
  readonly lengthBytes: number;
}

/** A file with random data in these ranges, and holes elsewhere. The data may be in the page cache only. */
export function makeSparseFile(
  path: string,
  sizeBytes: number,
  data: readonly DataRange[],
  seed = 1,
): string {
  const random = makeRandom(seed);
  const fd = openSync(path, 'w');
  ftruncateSync(fd, sizeBytes);
  for (const { at, lengthBytes } of data) {
    const bytes = Buffer.alloc(lengthBytes);
    random.fill(bytes);
    writeSync(fd, bytes, 0, lengthBytes, at);
  }
  closeSync(fd);
  return path;
}

/** Writes zeros into a file. */
export function zeroRange(path: string, { at, lengthBytes }: DataRange): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(lengthBytes), 0, lengthBytes, at);
  closeSync(fd);
}

/** A file whose blocks are all allocated, although it was never written. */
export function allocateFile(path: string, sizeBytes: number): string {
  execFileSync('fallocate', ['--length', `${sizeBytes}`, path]);
  return path;
}

/** The space that a file uses, with data that is not on the disk yet. */
export function allocatedBytes(path: string): number {
  const fd = openSync(path, 'r');
  try {
    execFileSync('sync', ['--data', path]);
    return fstatSync(fd).blocks * 512;
  } finally {
    closeSync(fd);
  }
}

/** Whether two files of any size have the same content. */
export function haveSameContent(a: string, b: string): boolean {
  if (statSync(a).size !== statSync(b).size) return false;
  try {
    execFileSync('cmp', ['--silent', a, b]);
    return true;
  } catch {
    return false;
  }
}
