import { closeSync, constants, openSync, readSync } from 'node:fs';
import { alignedMemory } from '../../src/device/aligned-memory.ts';

const pieceBytes = 1024 * 1024;

/**
 * Whether two files on storage that can be read past the page cache begin with the same bytes: what the medium holds is
 * compared, not what a page cache holds.
 *
 * @throws if the storage can't be read directly: a comparison through the cache would not show the same.
 */
export function mediaEqual(pathA: string, pathB: string, lengthBytes: number): boolean {
  const files = [pathA, pathB].map((path) => ({
    fd: openSync(path, constants.O_RDONLY | constants.O_DIRECT),
    memory: alignedMemory(pieceBytes)!,
  }));
  try {
    for (let offset = 0; offset < lengthBytes; offset += pieceBytes) {
      const wanted = Math.min(pieceBytes, lengthBytes - offset);
      const [a, b] = files.map(({ fd, memory }) => {
        const got = readSync(fd, memory, 0, pieceBytes, offset);
        return got < wanted ? undefined : memory.subarray(0, wanted);
      });
      if (a === undefined || b === undefined || Buffer.compare(a, b) !== 0) return false;
    }
    return true;
  } finally {
    for (const { fd } of files) closeSync(fd);
  }
}
