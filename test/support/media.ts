import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { attachLoop, makeFileSystem, mount } from './loop-device.ts';

/** A target whose medium can be read directly, past every cache of the target. */
export interface MediumTarget {
  /** The path that Basyn is given. */
  readonly path: string;
  /** The content of the target if the power were cut now. */
  mediumBytes(): Buffer;
}

export type MediumKind = 'loop device' | 'file on ext4';

/** Makes a target with these bytes, all of them on the medium. It is removed after the test. */
export function makeMediumTarget(kind: MediumKind, bytes: Uint8Array, parent: string): MediumTarget {
  const directory = mkdtempSync(join(parent, 'medium-'));
  return kind === 'loop device' ? makeDevice(bytes, directory) : makeFileOnDisk(bytes, directory);
}

/** The medium is the backing file, which is below the device's page cache. */
function makeDevice(bytes: Uint8Array, directory: string): MediumTarget {
  const backing = join(directory, 'medium');
  writeFileSync(backing, bytes);
  const { path, detach } = attachLoop(backing);
  onTestFinished(detach);
  keepCacheOf(path);
  return { path, mediumBytes: () => readFileSync(backing) };
}

/** The medium is the disk below the file system, which a copy of the disk recovers as after a power cut. */
function makeFileOnDisk(bytes: Uint8Array, directory: string): MediumTarget {
  const backing = join(directory, 'medium');
  writeFileSync(backing, '');
  truncateSync(backing, 32 * 1024 * 1024);
  makeFileSystem(backing);
  const { path: device, detach } = attachLoop(backing);
  onTestFinished(detach);
  const mountPoint = join(directory, 'mounted');
  // Nothing reaches the disk by itself within the time of a test.
  onTestFinished(mount(device, mountPoint, 'commit=300'));
  const path = join(mountPoint, 'target');
  writeFileSync(path, bytes, { flush: true });
  return {
    path,
    mediumBytes() {
      const copy = join(mkdtempSync(join(directory, 'power-cut-')), 'medium');
      copyFileSync(backing, copy);
      const recovered = attachLoop(copy);
      const unmount = mount(recovered.path, `${copy}-mounted`);
      try {
        return readFileSync(join(`${copy}-mounted`, 'target'));
      } finally {
        unmount();
        recovered.detach();
      }
    },
  };
}

/** The last close of a device writes its cache to the medium, so the test keeps the device open. */
export function keepCacheOf(path: string): void {
  const descriptor = openSync(path, 'r');
  onTestFinished(() => closeSync(descriptor));
}
