import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Extent } from '../../src/digest/extent.ts';
import { attachLoop } from './loop-device.ts';
import { scratchDirectory } from './scratch.ts';

/** A file or a block device of which some ranges can't be read: reads of them fail with real I/O errors. */
export interface BadDisk {
  readonly path: string;
  /** Replaces the ranges that can't be read. */
  damage(bad: readonly Extent[]): void;
  /** From now on, every read fails as if the device had been unplugged. */
  unplug(): void;
}

/** Needs root, and python3-fusepy. It is removed after the test. */
export async function makeBadDisk(
  kind: 'file' | 'block device',
  bytes: Uint8Array,
  bad: readonly Extent[],
): Promise<BadDisk> {
  const [below, mountPoint] = [scratchDirectory(), scratchDirectory()];
  const image = join(below, 'disk.img');
  const damage = (ranges: readonly Extent[]): void => {
    const lines = ranges.map(({ offsetBytes, lengthBytes }) => `${offsetBytes} ${lengthBytes}\n`);
    writeFileSync(`${image}.bad`, lines.join(''));
  };
  writeFileSync(image, bytes);
  damage(bad);
  await mountBadSectors(below, mountPoint);
  const file = join(mountPoint, 'disk.img');
  const unplug = (): void => {
    writeFileSync(`${image}.gone`, '');
    onTestFinished(() => rmSync(`${image}.gone`));
  };
  return { path: kind === 'file' ? file : loopOver(file), damage, unplug };
}

function loopOver(file: string): string {
  const { path, detach } = attachLoop(file);
  onTestFinished(detach);
  return path;
}

async function mountBadSectors(below: string, mountPoint: string): Promise<void> {
  const script = fileURLToPath(new URL('fuse/bad_sectors.py', import.meta.url));
  const child = spawn('/usr/bin/python3', [script, below, mountPoint], { stdio: 'inherit' });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    execFileSync('umount', [mountPoint]);
    await exited;
  });
  while (readdirSync(mountPoint).length === 0) {
    if (child.exitCode !== null) throw new Error('the file system could not be mounted');
    await sleep(20);
  }
}
