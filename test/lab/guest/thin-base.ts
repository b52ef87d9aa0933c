import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { takeSnapshot, type Snapshot } from '../../../src/lvm/snapshot.ts';
import type { Base } from '../../../src/lvm/thin/base.ts';
import { keepAsBase, listChanges, removeOtherBases } from '../../../src/lvm/thin/chain.ts';
import { afterTest } from './clean-up.ts';
import { MiB, readMedium, targetDisk, writeMedium } from './disks.ts';
import { makeThinVolume, volumesIn } from './lvm.ts';
import { sh } from './shell.ts';

const volumeMiB = 8;
const origin = '/dev/vg0/mail';
const place = { side: 'local', hosts: 'one', role: 'source', path: origin } as const;
const wrapper = '/run/thin-delta-wrapper';
const pool = 'vg0-pool-tpool';
const pairId = '0123456789abcdef0123456789abcdef';

interface Range {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** What the list holds after writes, discards and a growth of the volume. */
export async function listsEveryDifference(): Promise<void> {
  makeOrigin();
  const base = await makeBase();
  for (const offsetBytes of [0, MiB + 4096, 3 * MiB - 512, 8 * MiB - 4096]) {
    writeMedium(origin, Math.floor(offsetBytes / 512) * 512, randomBytes(4096));
  }
  sh('blkdiscard', ['--offset', `${5 * MiB}`, '--length', `${MiB}`, origin]);
  const snapshot = await take();
  const ranges = await rangesSince(base, snapshot);
  sh('lvchange', ['-ay', '-K', `vg0/${base.name}`]);
  const older = contentOf(`/dev/vg0/${base.name}`);
  const newer = contentOf(snapshot.devicePath);
  for (let at = 0; at < newer.length; at += 512) {
    if (older.subarray(at, at + 512).equals(newer.subarray(at, at + 512))) continue;
    const isListed = ranges.some(
      ({ offsetBytes, lengthBytes }) => offsetBytes <= at && at + 512 <= offsetBytes + lengthBytes,
    );
    assert.ok(isListed, `the difference at ${at} is not listed`);
  }
  const listedBytes = ranges.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  assert.ok(listedBytes <= 2 * MiB, `${listedBytes} bytes are listed`);

  sh('lvextend', ['--size', `${volumeMiB + 4}M`, 'vg0/mail']);
  await snapshot.remove();
  const larger = await take();
  const grown = (await rangesSince(base, larger)).at(-1);
  assert.deepEqual(grown, { offsetBytes: volumeMiB * MiB, lengthBytes: 4 * MiB });
  const next = await keepAsBase(place, larger, pairId);
  sh('lvcreate', ['-s', '-kn', '-n', 'of-somebody-else', '--addtag', 'basyn.base', 'vg0/mail']);
  await removeOtherBases(place, next, pairId);
  assert.deepEqual(volumesIn('vg0'), ['mail', next.name, 'of-somebody-else', 'pool']);
}

/** Each way in which a list that is right would leave the target wrong, or in which a list is wrong. */
export async function detectsWrongBases(): Promise<void> {
  makeOrigin();
  const base = await makeBase();
  const snapshot = await take();
  const expectReason = async (expected: RegExp, since: Snapshot = snapshot): Promise<void> => {
    const answer = await changesSince(base, since);
    assert.ok(typeof answer === 'string', `a list, although: ${expected}`);
    assert.match(answer, expected);
  };
  await rangesSince(base, snapshot);

  dmsetup('reserve_metadata_snap');
  await expectReason(/metadata of the pool is reserved by another program/);
  // It is still reserved: the reservation of another program was not released.
  dmsetup('release_metadata_snap');

  withThinDelta('echo 1.0.3');
  await expectReason(/thin_delta 1\.0\.3 can miss changes/);
  withThinDelta('case $1 in -V) echo 0.9.0 ;; *) "$real" "$@" | head -c 100 ;; esac');
  await expectReason(/is not complete XML/);
  withThinDelta('case $1 in -V) echo 0.9.0 ;; *) "$real" "$@"; exit 1 ;; esac');
  await expectReason(/thin_delta failed with status 1/);
  rmSync(wrapper, { recursive: true });
  // Every reservation was released.
  await rangesSince(base, snapshot);

  sh('lvchange', ['-prw', `vg0/${base.name}`]);
  await expectReason(/is not read-only, and may have been written to/);
  sh('lvchange', ['-pr', `vg0/${base.name}`]);

  await snapshot.remove();
  const id = thinIdOf(base.name);
  sh('lvremove', ['--yes', `vg0/${base.name}`]);
  sh('lvcreate', ['-s', '-kn', '-pr', '-n', base.name, 'vg0/mail']);
  assert.equal(thinIdOf(base.name), id, 'the thin id was not given again');
  const next = await take();
  await expectReason(/it is gone, and another volume has its name/, next);
  sh('lvremove', ['--yes', `vg0/${base.name}`]);
  await expectReason(/: it is gone\./, next);
  await next.remove();
}

/** A run failed half-way, and then the volume was set back to an earlier snapshot. */
export async function detectsRollback(): Promise<void> {
  makeOrigin();
  sh('lvcreate', ['-s', '-kn', '-n', 'earlier', 'vg0/mail']);
  const base = await makeBase();
  writeMedium(origin, 0, randomBytes(MiB));
  sh('lvchange', ['-an', 'vg0/mail']);
  sh('lvconvert', ['--merge', 'vg0/earlier']);
  sh('lvchange', ['-ay', 'vg0/mail']);
  const snapshot = await take();
  const answer = await changesSince(base, snapshot);
  assert.ok(typeof answer === 'string', 'a list');
  assert.match(answer, /rolled back or replaced|snapshot of another volume/);
  await snapshot.remove();
}

function makeOrigin(): void {
  makeThinVolume('vg0', targetDisk, 'mail', volumeMiB);
  writeMedium(origin, 0, randomBytes(volumeMiB * MiB));
}

function take(): Promise<Snapshot> {
  return takeSnapshot(place, { sizeBytes: undefined, runToken: undefined });
}

async function makeBase(): Promise<Base> {
  return keepAsBase(place, await take(), pairId);
}

async function rangesSince(base: Base, snapshot: Snapshot): Promise<readonly Range[]> {
  const answer = await changesSince(base, snapshot);
  if (typeof answer === 'string') assert.fail(answer);
  return answer;
}

/** @returns the reason, if there is no list. */
async function changesSince(base: Base, snapshot: Snapshot): Promise<readonly Range[] | string> {
  const ranges: Range[] = [];
  const reason = await listChanges(place, base, snapshot, {
    changed: (offsetBytes, lengthBytes) => ranges.push({ offsetBytes, lengthBytes }),
    unchanged: () => undefined,
  });
  return reason ?? ranges;
}

function contentOf(path: string): Buffer {
  return readMedium(path, 0, volumeMiB * MiB);
}

function dmsetup(message: string): void {
  sh('dmsetup', ['message', pool, '0', message]);
}

function thinIdOf(name: string): string {
  return sh('lvs', ['--noheadings', '-o', 'thin_id', `vg0/${name}`])
    .toString()
    .trim();
}

/** Puts a script in the place of thin_delta until it is removed. `$real` is thin_delta. */
function withThinDelta(script: string): void {
  mkdirSync(wrapper, { recursive: true });
  const { PATH: path = '' } = process.env;
  if (!path.startsWith(wrapper)) {
    process.env.PATH = `${wrapper}:${path}`;
    afterTest(() => (process.env.PATH = path));
  }
  const real = sh('sh', ['-c', `PATH=\${PATH#${wrapper}:}; command -v thin_delta`])
    .toString()
    .trim();
  writeFileSync(`${wrapper}/thin_delta`, `#!/bin/sh\nreal=${real}\n${script}\n`);
  chmodSync(`${wrapper}/thin_delta`, 0o755);
}
