import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { afterTest } from './clean-up.ts';
import { MiB, readMedium, sourceDisk, targetDisk, writeMedium } from './disks.ts';

export const sourceBytes = 3 * MiB;
/** Bytes of the target beyond the source's size must not change. */
export const targetBytes = 4 * MiB;

/** The content of the disks before the test's first run. */
export interface Pair {
  readonly source: Buffer;
  readonly targetAtFirst: Buffer;
}

/** Fills the source disk and the disk below the target, which differ everywhere. */
export function makePair(): Pair {
  const source = randomBytes(sourceBytes);
  const targetAtFirst = randomBytes(targetBytes);
  writeMedium(sourceDisk, 0, source);
  writeMedium(targetDisk, 0, targetAtFirst);
  return { source, targetAtFirst };
}

/** Keeps a descriptor open until the end of the test, so that the kernel keeps the page cache of this device or file. */
export function keepCacheOf(path: string): void {
  const descriptor = openSync(path, 'r');
  afterTest(() => closeSync(descriptor));
}

/** Writes like a program that does not flush: the bytes are in the page cache. */
export function writeUnflushed(path: string, bytes: Buffer): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, bytes, 0, bytes.length, 0);
  closeSync(descriptor);
}

/** The medium holds the source, followed by its original content. */
export function expectSynchronised(medium: Buffer, { source, targetAtFirst }: Pair): void {
  const wanted = Buffer.concat([source, targetAtFirst.subarray(source.length)]);
  assert.ok(medium.equals(wanted), describeDifference(medium, wanted));
}

export function mediumBelowTarget(): Buffer {
  return readMedium(targetDisk, 0, targetBytes);
}

function describeDifference(medium: Buffer, wanted: Buffer): string {
  const blockBytes = 4096;
  let differing = 0;
  for (let at = 0; at < wanted.length; at += blockBytes) {
    if (!medium.subarray(at, at + blockBytes).equals(wanted.subarray(at, at + blockBytes))) differing++;
  }
  return `exit code 0, but ${differing} of ${wanted.length / blockBytes} blocks of the medium differ`;
}
