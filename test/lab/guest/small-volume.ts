import assert from 'node:assert/strict';
import { basyn, expectFailure, expectSuccess, type Place } from './basyn.ts';
import { readMedium, targetDisk } from './disks.ts';
import { makeVolume } from './lvm.ts';
import { makePair, sourceBytes } from './pair.ts';
import { sh } from './shell.ts';

/** Runs the command that the message names, as a user would. */
export function namesCommandThatExtendsVolume(place: Place): void {
  const { source } = makePair();
  const volume = makeVolume('vg1', targetDisk, 'mail-1', 4);
  // The default unit of a group is as large as the source.
  sh('vgchange', ['--physicalextentsize', '1M', 'vg1']);
  sh('lvreduce', ['--force', '--yes', '--size', '2M', volume]);
  const refused = basyn(volume, place, ['--grow']);
  expectFailure(
    refused,
    /is too small: it has \d+ bytes, and the source has \d+\. Extend the volume first with/,
  );
  const [, command] = /"(lvextend [^"]*)"/.exec(refused.output) ?? [];
  assert.ok(command !== undefined, refused.output);
  sh('sh', ['-c', command]);
  expectSuccess(basyn(volume, place));
  assert.ok(readMedium(volume, 0, sourceBytes).equals(source), 'the volume is not the source');
}
