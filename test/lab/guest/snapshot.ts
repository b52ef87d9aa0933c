import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { BackgroundRun, waitUntil } from './background.ts';
import { expectFailure, expectSuccess, runBasyn } from './basyn.ts';
import { afterTest } from './clean-up.ts';
import { MiB, spareDisk, targetDisk, writeMedium } from './disks.ts';
import { volumesIn } from './lvm.ts';
import { sh } from './shell.ts';
import {
  contentOf,
  devices,
  killAgent,
  makeOrigin,
  processesWith,
  snapshotOption,
  snapshots,
  targetContent,
  volumeMiB,
  waitForData,
  waitForSnapshot,
  type Kind,
  type Way,
} from './snapshot-parts.ts';

const mountPoint = '/run/mounted-source';

/** The volume is mounted and changes during the run. The target is what it held when the snapshot was taken. */
export function copiesSnapshot(kind: Kind, way: Way): void {
  const origin = makeOrigin(kind);
  const file = mountWithFile(origin);
  const run = new BackgroundRun([
    ...devices(origin, way),
    ...snapshotOption(kind),
    '--read-limit=4M',
    '--recheck',
  ]);
  const moment = contentOf(waitForSnapshot());
  writeFileSync(file, randomBytes(2 * MiB));
  sh('sync', []);

  const outcome = run.end();

  expectSuccess(outcome);
  assert.doesNotMatch(outcome.output, /mounted|inconsistent/);
  assert.ok(targetContent().equals(moment), 'the target is not the snapshot');
  assert.ok(!contentOf(origin).equals(moment), 'the volume did not change during the run');
  assert.deepEqual(snapshots(), []);
}

/** A snapshot that overflows can't be read any more. */
export function reportsOverflow(way: Way): void {
  const origin = makeOrigin('classic');
  const run = new BackgroundRun([...devices(origin, way), '--snapshot=4M', '--read-limit=2M']);
  waitForSnapshot();
  waitForData();
  writeMedium(origin, 0, randomBytes(volumeMiB * MiB));
  expectFailure(run.end(), /was read from the snapshot vg0\/mail-basyn-\w+, which overflowed/);
  assert.deepEqual(snapshots(), []);
}

/** All data was read before the overflow, and the run has not ended. */
export function reportsOverflowAtEnd(way: Way): void {
  const origin = makeOrigin('classic');
  const slowFlush = [
    'strace',
    '-f',
    '-o',
    '/run/trace',
    '-P',
    spareDisk,
    '--inject=fsync:delay_enter=4000000:when=2',
  ];
  const args = [
    ...devices(origin, way),
    '--snapshot=4M',
    '--lanes=1',
    `--remote-node=${slowFlush.join(' ')} node`,
  ];
  const run = new BackgroundRun(args);
  waitForSnapshot();
  waitForData(volumeMiB * MiB - 4096);
  writeMedium(origin, 0, randomBytes(volumeMiB * MiB));
  expectFailure(run.end(), /which overflowed/);
  assert.deepEqual(snapshots(), []);
}

/** The cleaner of the snapshot removes it. */
export function removesSnapshotOfKilledRun(way: Way): void {
  const origin = makeOrigin('thin');
  const run = new BackgroundRun([...devices(origin, way), '--snapshot', '--read-limit=1M']);
  waitForSnapshot();
  run.kill('SIGKILL');
  run.end();
  waitUntil('the snapshot is removed', () => snapshots().length === 0);
}

/** The cleaner was killed as well, as by a power cut. A kept base is not removed. */
export function nextRunRemovesLeftover(kind: Kind, way: Way): void {
  const origin = makeOrigin(kind);
  const run = new BackgroundRun([...devices(origin, way), ...snapshotOption(kind), '--read-limit=1M']);
  waitForSnapshot();
  const [leftover] = snapshots();
  for (const pid of processesWith('basyn-snapshot')) process.kill(pid, 'SIGKILL');
  run.kill('SIGKILL');
  run.end();
  waitUntil('the agent has ended', () => processesWith('globalThis.basynThreadProgram').length === 0);
  assert.deepEqual(snapshots(), [leftover]);
  const base = ['--snapshot', '--name', 'mail-kept', '--addtag', 'basyn', '--addtag', 'basyn.base'];
  sh('lvcreate', [...base, ...(kind === 'thin' ? [] : ['--size', '4M']), '/dev/vg0/mail']);

  const outcome = runBasyn([...devices(origin, way), ...snapshotOption(kind), '--verbose']);

  expectSuccess(outcome);
  assert.match(
    outcome.output,
    new RegExp(`the snapshot vg0/${leftover}, which an earlier run had left, was removed`),
  );
  assert.deepEqual(
    volumesIn('vg0').filter((name) => name.startsWith('mail-')),
    ['mail-kept'],
  );
}

/** The agent is killed. The next attempt reads the same snapshot, although the volume has changed. */
export function nextAttemptReadsSameSnapshot(kind: Kind, way: Way): void {
  const origin = makeOrigin(kind);
  const run = new BackgroundRun([
    ...devices(origin, way),
    ...snapshotOption(kind),
    '--retries=3',
    '--read-limit=4M',
  ]);
  const moment = contentOf(waitForSnapshot());
  const [name] = snapshots();
  waitForData();
  writeMedium(origin, 8 * MiB, randomBytes(2 * MiB));
  killAgent();
  waitUntil('the next attempt', () => run.output.includes('Attempt 2'));
  assert.deepEqual(snapshots(), [name]);

  const outcome = run.end();

  expectSuccess(outcome);
  assert.doesNotMatch(outcome.output, /new snapshot/);
  assert.ok(targetContent().equals(moment), 'the target mixes two moments');
  assert.deepEqual(snapshots(), []);
}

/** The snapshot is gone when the next attempt begins. */
export function startsAgainWithNewSnapshot(way: Way): void {
  const origin = makeOrigin('thin');
  const run = new BackgroundRun([...devices(origin, way), '--snapshot', '--retries=3', '--read-limit=4M']);
  waitForSnapshot();
  const [name] = snapshots();
  waitForData(3 * MiB - 4096);
  const later = randomBytes(volumeMiB * MiB);
  writeMedium(origin, 0, later);
  killAgent();
  removePatiently(`/dev/vg0/${name}`);

  const outcome = run.end();

  expectSuccess(outcome);
  assert.match(
    outcome.output,
    /the snapshot of the earlier attempts is gone\. This attempt starts again at offset 0/,
  );
  assert.ok(targetContent().equals(later), 'the target mixes two moments');
  assert.deepEqual(snapshots(), []);
}

/** A signal ends the run, and its snapshot is not kept for another attempt. */
export function removesSnapshotAfterSignal(way: Way): void {
  const origin = makeOrigin('thin');
  const run = new BackgroundRun([...devices(origin, way), '--snapshot', '--retries=3', '--read-limit=1M']);
  waitForSnapshot();
  waitForData();
  run.kill('SIGINT');
  expectFailure(run.end(), /Stopped by SIGINT/);
  waitUntil('the snapshot is removed', () => snapshots().length === 0);
}

/** Where there can be no snapshot, the target is not touched. */
export function explainsImpossibleSnapshots(way: Way): void {
  const origin = makeOrigin('classic');
  const created = '/run/created-target';
  const refuse = (source: string, option: string, message: RegExp): void => {
    expectFailure(runBasyn([...devices(source, way, created), option, '--create']), message);
    assert.ok(!existsSync(created), 'the target was created');
  };
  refuse(
    origin,
    '--snapshot',
    /needs a size, which is the space for .*: for example 64M \(the group vg0 has 48M free\)/,
  );
  refuse(targetDisk, '--snapshot', /is not a logical volume of LVM/);
  sh('lvcreate', ['--snapshot', '--size', '4M', '--name', 'other', '/dev/vg0/mail']);
  refuse('/dev/vg0/other', '--snapshot=4M', /it is a snapshot itself/);
  // The source itself is not a target either.
  const onItself = runBasyn([...devices(origin, way, origin), '--snapshot=4M']);
  expectFailure(onItself, /is the same storage as the source/);
  sh('lvcreate', ['--yes', '--wipesignatures', 'n', '--size', '40M', '--name', 'filler', 'vg0']);
  refuse(
    origin,
    '--snapshot=8M',
    /the group vg0 has 4M free, less than the 8M of the snapshot: free some space/,
  );
  assert.deepEqual(snapshots(), []);
}

export function refusesFullPool(): void {
  const origin = makeOrigin('thin');
  sh('lvcreate', ['--virtualsize', '24M', '--thinpool', 'vg0/pool', '--name', 'filler']);
  writeMedium('/dev/vg0/filler', 0, randomBytes(15.5 * MiB));
  const refused = runBasyn([...devices(origin, 'PUSH'), '--snapshot']);
  expectFailure(
    refused,
    /[\d.]+ % of the data space of the thin pool vg0\/pool is used: extend the pool first/,
  );
}

/** The killed agent may have it open for a moment. */
function removePatiently(path: string): void {
  let failure: unknown;
  for (let count = 0; count < 20; count++) {
    try {
      sh('lvremove', ['--yes', path]);
      return;
    } catch (error) {
      failure = error;
    }
  }
  throw failure as Error;
}

function mountWithFile(volume: string): string {
  sh('mkfs.ext4', ['-q', '-F', volume]);
  mkdirSync(mountPoint, { recursive: true });
  sh('mount', ['-t', 'ext4', volume, mountPoint]);
  afterTest(() => sh('umount', [mountPoint]));
  const file = `${mountPoint}/file`;
  writeFileSync(file, randomBytes(3 * MiB));
  sh('sync', []);
  return file;
}
