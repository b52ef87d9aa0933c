import { closeSync, openSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import type { DeviceHandle } from '../../src/device/device.ts';
import { memoryDirectory, scratchDirectory, scratchFile } from './scratch.ts';

/**
 * A file in memory with this content, open for reading and writing until the test ends.
 *
 * @param sizeBytes what the handle says of its size.
 */
export function fileHandle(content: Uint8Array, sizeBytes = content.length): DeviceHandle {
  const path = scratchFile(content, 'disk.img', scratchDirectory(memoryDirectory));
  const fd = openSync(path, 'r+');
  onTestFinished(() => closeSync(fd));
  return {
    side: 'local',
    hosts: 'two',
    path,
    kind: 'regular file',
    fd,
    sizeBytes,
    access: 'buffered',
    alignmentBytes: 1,
  };
}
