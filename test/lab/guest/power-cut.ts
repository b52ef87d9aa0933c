import { dirname } from 'node:path';
import { basyn, expectSuccess, killedBasyn, recheck, type Killing, type Place } from './basyn.ts';
import { targetDisk } from './disks.ts';
import { FileOnLoggedDisk } from './file-on-disk.ts';
import { expectSynchronised, keepCacheOf, makePair, targetBytes, writeUnflushed, type Pair } from './pair.ts';
import { LoggedDevice } from './write-log.ts';

/** A run succeeds, and then the power is cut. */
export function survivesAfterOneRun(place: Place): void {
  const { device, pair } = loggedTarget();
  expectSuccess(basyn(device.path, place));
  expectSynchronised(device.mediumAfterPowerCut(pair.targetAtFirst), pair);
}

/** A run is killed, the next one succeeds, and then the power is cut. */
export function survivesAfterKilledRun(place: Place, killing: Killing, ...more: readonly string[]): void {
  const { device, pair } = loggedTarget();
  killedBasyn(device.path, place, killing);
  expectSuccess(basyn(device.path, place, more));
  expectSynchronised(device.mediumAfterPowerCut(pair.targetAtFirst), pair);
}

/** Another program has written the target and not flushed it: the run finds both sides equal. */
export function survivesAfterForeignCopy(place: Place, ...more: readonly string[]): void {
  const { device, pair } = loggedTarget();
  writeUnflushed(device.path, pair.source);
  expectSuccess(basyn(device.path, place, more));
  expectSynchronised(device.mediumAfterPowerCut(pair.targetAtFirst), pair);
}

/** The success of a recheck also means that the data is durable. Without an action, both sides must have one size. */
export function survivesAfterForeignCopyAndRecheck(place: Place): void {
  const { source, targetAtFirst } = makePair();
  const device = new LoggedDevice('target', targetDisk, source.length);
  keepCacheOf(device.path);
  writeUnflushed(device.path, source);
  expectSuccess(recheck(device.path, place));
  const medium = device.mediumAfterPowerCut(targetAtFirst.subarray(0, source.length));
  expectSynchronised(medium, { source, targetAtFirst: source });
}

/** The same with a file on ext4, which is read after the file system has recovered. */
export function fileSurvivesAfterKilledRun(place: Place, killing: Killing, ...more: readonly string[]): void {
  const pair = makePair();
  const file = new FileOnLoggedDisk(pair.targetAtFirst);
  killedBasyn(file.path, place, killing);
  expectSuccess(basyn(file.path, place, more));
  expectSynchronised(file.contentAfterPowerCut(file.path), pair);
}

export function fileSurvivesAfterForeignCopy(place: Place, ...more: readonly string[]): void {
  const pair = makePair();
  const file = new FileOnLoggedDisk(pair.targetAtFirst);
  writeUnflushed(file.path, pair.source);
  expectSuccess(basyn(file.path, place, more));
  expectSynchronised(file.contentAfterPowerCut(file.path), pair);
}

/** The name of a new file must also be durable. */
export function createdFileSurvives(place: Place): void {
  const { source } = makePair();
  const file = new FileOnLoggedDisk(Buffer.alloc(4096));
  const created = `${dirname(file.path)}/created`;
  expectSuccess(basyn(created, place, ['--create']));
  expectSynchronised(file.contentAfterPowerCut(created), { source, targetAtFirst: source });
}

/** Keeps the device open as well, because the last close of a device writes its cache to the disk. */
function loggedTarget(): { device: LoggedDevice; pair: Pair } {
  const pair = makePair();
  const device = new LoggedDevice('target', targetDisk, targetBytes);
  keepCacheOf(device.path);
  return { device, pair };
}
