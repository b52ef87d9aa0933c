import assert from 'node:assert/strict';
import { basyn, expectFailure, expectSuccess, type Place } from './basyn.ts';
import { targetDisk } from './disks.ts';
import { FileOnFaultyDisk } from './file-on-disk.ts';
import { MappedDevice, tableOver, type Segment } from './mapped-device.ts';
import { sh } from './shell.ts';
import {
  expectSynchronised,
  keepCacheOf,
  makePair,
  mediumBelowTarget,
  targetBytes,
  writeUnflushed,
} from './pair.ts';

const lastBlockBytes = 4096;
const whole = { offsetBytes: 0, lengthBytes: targetBytes };
const allBut = { offsetBytes: 0, lengthBytes: targetBytes - lastBlockBytes };
const lastBlock = { offsetBytes: allBut.lengthBytes, lengthBytes: lastBlockBytes };

const healthy = table({ ...whole, kind: 'healthy' });
const failingWrites = table({ ...whole, kind: 'fails writes' });
const droppingWrites = table({ ...whole, kind: 'drops writes' });
/** The kernel passes a flush to every segment. The last one contains no data of a run, so only flushes fail. */
const failingFlushes = table({ ...allBut, kind: 'healthy' }, { ...lastBlock, kind: 'fails writes' });

/** The kernel marks pages that it could not write as clean: a later run finds the data in the cache, not on the disk. */
export function recoversFromFailedWrites(place: Place, ...more: readonly string[]): void {
  const pair = makePair();
  const device = new MappedDevice('target', failingWrites);
  keepCacheOf(device.path);
  expectFailure(basyn(device.path, place), /cannot (write|flush) .*input\/output error \(EIO\)/);
  assert.ok(mediumBelowTarget().equals(pair.targetAtFirst), 'a disk that fails writes has written');
  device.become(healthy);
  expectSuccess(basyn(device.path, place, more));
  expectSynchronised(mediumBelowTarget(), pair);
}

/** Another program has written the source's data, the disk has failed the writes, and no error was reported. */
export function recoversFromUnnoticedFailure(place: Place): void {
  const pair = makePair();
  const device = new MappedDevice('target', failingWrites);
  keepCacheOf(device.path);
  writeUnflushed(device.path, pair.source);
  // Writes back all caches of the machine, and reports no error.
  sh('sync', []);
  assert.ok(mediumBelowTarget().equals(pair.targetAtFirst), 'a disk that fails writes has written');
  device.become(healthy);
  expectSuccess(basyn(device.path, place));
  expectSynchronised(mediumBelowTarget(), pair);
}

/** The same for a target that is a file on a file system on the disk. */
export function recoversFromFailedWritesBelowFile(place: Place, ...more: readonly string[]): void {
  const pair = makePair();
  const file = new FileOnFaultyDisk(pair.targetAtFirst);
  keepCacheOf(file.path);
  file.become('fails writes');
  expectFailure(basyn(file.path, place), /cannot (write|flush) .*input\/output error \(EIO\)/);
  assert.ok(file.medium().equals(pair.targetAtFirst), 'a disk that fails writes has written');
  file.become('healthy');
  expectSuccess(basyn(file.path, place, more));
  expectSynchronised(file.medium(), pair);
}

/** The disk reports no error: only reading it again shows the loss. */
export function recoversFromDroppedWrites(place: Place): void {
  const pair = makePair();
  const device = new MappedDevice('target', droppingWrites);
  keepCacheOf(device.path);
  expectFailure(basyn(device.path, place, ['--recheck']), /differ/);
  device.become(healthy);
  expectSuccess(basyn(device.path, place));
  expectSynchronised(mediumBelowTarget(), pair);
}

export function reportsFailedFlush(place: Place): void {
  makePair();
  const device = new MappedDevice('target', failingFlushes);
  keepCacheOf(device.path);
  expectFailure(basyn(device.path, place), /cannot flush .*input\/output error \(EIO\)/);
}

/** Data that was found equal is not durable before a flush has succeeded, whatever program wrote it. */
export function reportsFailedFlushOfEqualData(place: Place): void {
  const pair = makePair();
  const device = new MappedDevice('target', healthy);
  keepCacheOf(device.path);
  expectSuccess(basyn(device.path, place));
  device.become(failingFlushes);
  expectFailure(basyn(device.path, place), /cannot flush .*input\/output error \(EIO\)/);
  device.become(healthy);
  expectSuccess(basyn(device.path, place));
  expectSynchronised(mediumBelowTarget(), pair);
}

function table(...segments: readonly Segment[]): string {
  return tableOver(targetDisk, segments);
}
