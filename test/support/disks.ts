import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import { attachLoop, isRoot } from './loop-device.ts';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { makeRandom } from '../../rig/images/random.ts';
import { scratchDirectory, scratchFile } from './scratch.ts';

const GiB = 1024 ** 3;

export type DiskKind = 'file' | 'loop device';

/** Loop devices need root. Without it, their tests are skipped, and the titles give the reason. */
export const diskKinds: readonly { readonly kind: DiskKind; readonly isUsable: boolean }[] = [
  { kind: 'file', isUsable: true },
  { kind: 'loop device', isUsable: isRoot },
];

/** A disk of this kind with these bytes, removed after the test. */
export function makeDisk(kind: DiskKind, bytes: Uint8Array, name?: string): string {
  const file = scratchFile(bytes, name, scratchDirectory());
  if (kind === 'file') return file;
  const loop = attachLoop(file);
  onTestFinished(loop.detach);
  return loop.path;
}

/** A source, and a target that differs from it in some places and extends beyond the source's end. */
export interface DiskPair {
  readonly source: string;
  readonly target: string;
  readonly sourceBytes: Buffer;
  /** The content of the target at first, and the required content at the end. */
  readonly targetBytes: Buffer;
  readonly wanted: Buffer;
}

export interface PairOptions {
  readonly kind?: DiskKind;
  readonly sizeBytes?: number;
  readonly tailBytes?: number;
  readonly seed?: number;
  /** Where the target differs. */
  readonly changes?: readonly { readonly at: number; readonly lengthBytes: number }[];
}

/** Not a multiple of any unit for a file, and an odd number of sectors for a device. */
const oddBytes: Record<DiskKind, { sizeBytes: number; tailBytes: number }> = {
  file: { sizeBytes: 3_000_017, tailBytes: 70_001 },
  'loop device': { sizeBytes: 512 * 5861, tailBytes: 512 * 137 },
};
const someChanges = [
  { at: 0, lengthBytes: 1 },
  { at: 400_000, lengthBytes: 9000 },
  { at: 2_000_000, lengthBytes: 700_000 },
  { at: 2_990_000, lengthBytes: 20 },
];

export function makePair({
  kind = 'file',
  seed = 1,
  changes = someChanges,
  ...sizes
}: PairOptions = {}): DiskPair {
  const { sizeBytes, tailBytes } = { ...oddBytes[kind], ...sizes };
  const sourceBytes = mixedBytes(sizeBytes, seed);
  const targetBytes = Buffer.concat([sourceBytes, Buffer.alloc(tailBytes, 'canary')]);
  const random = makeRandom(seed + 1);
  for (const { at, lengthBytes } of changes) {
    random.fill(targetBytes.subarray(at, Math.min(at + lengthBytes, sizeBytes)));
  }
  return {
    source: makeDisk(kind, sourceBytes, 'source.img'),
    target: makeDisk(kind, targetBytes, 'target.img'),
    sourceBytes,
    targetBytes,
    wanted: Buffer.concat([sourceBytes, targetBytes.subarray(sizeBytes)]),
  };
}

/**
 * Two devices with many gigabytes of zeros, over which a run takes long. They are loop devices over sparse files, and use no
 * space. Without root, they are files whose blocks are allocated and never written: a run would not read holes.
 */
export function makeHollowPair(sizeBytes = 64 * GiB): { source: string; target: string } {
  return { source: makeHollowDisk(sizeBytes), target: makeHollowDisk(sizeBytes) };
}

export function makeHollowDisk(sizeBytes = 64 * GiB): string {
  const path = scratchFile(Buffer.alloc(0));
  if (!isRoot) {
    execFileSync('fallocate', ['--length', `${Math.min(sizeBytes, 8 * GiB)}`, path]);
    return path;
  }
  truncateSync(path, sizeBytes);
  const loop = attachLoop(path);
  onTestFinished(loop.detach);
  return loop.path;
}

/** The devices as the command line names them, for a direction. */
export function deviceOptions(
  action: 'PUSH' | 'POP',
  { source, target }: { source: string; target: string },
): string[] {
  const [local, remote] = action === 'PUSH' ? [source, target] : [target, source];
  return [`--local=${local}`, `--remote=${remote}`];
}

/** The options for the devices and the run. */
export function runOptions(
  action: 'PUSH' | 'POP',
  mode: 'SYNC' | 'COPY',
  pair: { source: string; target: string },
): string[] {
  return [...deviceOptions(action, pair), `--action=${action}`, `--mode=${mode}`];
}

/** The target holds the content of the source, followed by its own old content. */
export function expectSynchronised({ source, target, sourceBytes, wanted }: DiskPair): void {
  expect(readFileSync(source).equals(sourceBytes)).toBe(true);
  expect(readFileSync(target).equals(wanted)).toBe(true);
}

/** Neither side has changed. */
export function expectUntouched({ source, target, sourceBytes, targetBytes }: DiskPair): void {
  expect(readFileSync(source).equals(sourceBytes)).toBe(true);
  expect(readFileSync(target).equals(targetBytes)).toBe(true);
}
