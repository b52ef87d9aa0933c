import { sh } from './shell.ts';

export const MiB = 1024 * 1024;
const sectorBytes = 512;

/** The guest's disks. Only the tests use them. */
export const sourceDisk = '/dev/ubda';
/** The disk below the target: its content is the content of the target after a power cut. */
export const targetDisk = '/dev/ubdb';
export const logDisk = '/dev/ubdc';
export const spareDisk = '/dev/ubdd';

export function sectorsOf(lengthBytes: number): number {
  return lengthBytes / sectorBytes;
}

/** Reads what the disk itself holds, past the page cache. */
export function readMedium(device: string, offsetBytes: number, lengthBytes: number): Buffer {
  const place = [
    `skip=${offsetBytes}`,
    `count=${lengthBytes}`,
    'iflag=direct,skip_bytes,count_bytes,fullblock',
  ];
  return sh('dd', [`if=${device}`, 'bs=1M', 'status=none', ...place]);
}

/** Writes to the disk itself, past the page cache. */
export function writeMedium(device: string, offsetBytes: number, bytes: Buffer): void {
  const place = [`seek=${offsetBytes}`, 'oflag=direct,seek_bytes', 'iflag=fullblock', 'conv=notrunc'];
  sh('dd', [`of=${device}`, 'bs=1M', 'status=none', ...place], bytes);
}
