import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { basyn, expectSuccess, type Place } from './basyn.ts';
import { MiB, readMedium, sourceDisk, targetDisk, writeMedium } from './disks.ts';
import { makeThinVolume } from './lvm.ts';
import { sourceBytes } from './pair.ts';
import { sh } from './shell.ts';

const volumeMiB = 24;

/**
 * A discard of a thin volume frees whole blocks of the pool only, and leaves old data elsewhere without an error. Here, zeros
 * begin and end within a block.
 */
export function releasesZerosOfThinVolume(place: Place): void {
  const volume = makeThinVolume('vg0', targetDisk, 'mail', volumeMiB);
  writeMedium(volume, 0, randomBytes(volumeMiB * MiB));
  const tail = readMedium(volume, sourceBytes, volumeMiB * MiB - sourceBytes);
  const source = randomBytes(sourceBytes);
  source.fill(0, 4096, 2 * MiB + 4096);
  source.fill(0, sourceBytes - 20 * 4096);
  writeMedium(sourceDisk, 0, source);
  const usedBefore = usedPercent();

  const outcome = basyn(volume, place, ['--discard', '--stat']);

  expectSuccess(outcome);
  const content = readMedium(volume, 0, volumeMiB * MiB);
  assert.ok(content.equals(Buffer.concat([source, tail])), 'the volume does not hold the source');
  assert.match(outcome.output, /Released:/);
  // Nearly 2 of 24 MiB.
  assert.ok(
    usedPercent() < usedBefore - 6,
    `${usedPercent()} % of the volume are used, before ${usedBefore} %`,
  );
}

function usedPercent(): number {
  return Number(sh('lvs', ['--noheadings', '--options', 'data_percent', 'vg0/mail']).toString());
}
