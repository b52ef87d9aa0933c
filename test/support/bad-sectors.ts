import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Extent } from '../../src/digest/extent.ts';
import { mountView } from './fuse-view.ts';
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
  await mountView('bad_sectors.py', below, mountPoint);
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
