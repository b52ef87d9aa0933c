import { closeSync, openSync, writeSync } from 'node:fs';
import { basyn, expectSuccess, killedBasyn, type Killing, type Place } from './basyn.ts';
import { targetDisk } from './disks.ts';
import { expectSynchronised, keepCacheOf, makePair, targetBytes, type Pair } from './pair.ts';
import { LoggedDevice } from './write-log.ts';

/** A run that ends well, and then the power cut. */
export function survivesAfterOneRun(place: Place): void {
  const { device, pair } = loggedTarget();
  expectSuccess(basyn(device.path, place));
  expectSynchronised(device.mediumAfterPowerCut(pair.targetAtFirst), pair);
}

/** A run is killed; the next one ends well, and then the power is cut. */
export function survivesAfterKilledRun(place: Place, killing: Killing, ...more: readonly string[]): void {
  const { device, pair } = loggedTarget();
  killedBasyn(device.path, place, killing);
  expectSuccess(basyn(device.path, place, more));
  expectSynchronised(device.mediumAfterPowerCut(pair.targetAtFirst), pair);
}

/** Another program has written the target and not flushed it: the run finds both sides equal. */
export function survivesAfterForeignCopy(place: Place, ...more: readonly string[]): void {
  const { device, pair } = loggedTarget();
  const descriptor = openSync(device.path, 'r+');
  writeSync(descriptor, pair.source, 0, pair.source.length, 0);
  closeSync(descriptor);
  expectSuccess(basyn(device.path, place, more));
  expectSynchronised(device.mediumAfterPowerCut(pair.targetAtFirst), pair);
}

/** With another opener, as the last close of a device writes its cache to the disk. */
function loggedTarget(): { device: LoggedDevice; pair: Pair } {
  const pair = makePair();
  const device = new LoggedDevice('target', targetDisk, targetBytes);
  keepCacheOf(device.path);
  return { device, pair };
}
