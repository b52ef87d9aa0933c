import { readSync, writeSync } from 'node:fs';
import { inFile, type FilePlace } from './file-errors.ts';

/**
 * Fills `into` from an offset of the state file. What is behind the end of the file is left as it is.
 *
 * @throws {BasynError} `device`, if it cannot be read.
 */
export function readAt(place: FilePlace, fd: number, into: Uint8Array, offsetBytes: number): void {
  inFile(place, 'read', () => {
    let doneBytes = 0;
    while (doneBytes < into.byteLength) {
      const countBytes = readSync(fd, into, doneBytes, into.byteLength - doneBytes, offsetBytes + doneBytes);
      if (countBytes === 0) break;
      doneBytes += countBytes;
    }
  });
}

/**
 * Writes all of `bytes` at an offset of the state file. They are not durable yet.
 *
 * @throws {BasynError} `device`, if they cannot be written.
 */
export function writeAt(place: FilePlace, fd: number, bytes: Uint8Array, offsetBytes: number): void {
  inFile(place, 'written', () => {
    let doneBytes = 0;
    while (doneBytes < bytes.byteLength) {
      doneBytes += writeSync(fd, bytes, doneBytes, bytes.byteLength - doneBytes, offsetBytes + doneBytes);
    }
  });
}
