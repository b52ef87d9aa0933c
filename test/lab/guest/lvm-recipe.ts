import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Outcome } from './basyn.ts';
import { afterTest } from './clean-up.ts';
import { MiB, readMedium, spareDisk, targetDisk } from './disks.ts';
import { makeThinVolume, makeVolume, volumesIn } from './lvm.ts';
import { sh } from './shell.ts';
import { sshConfiguration } from './ssh.ts';

const recipe = '/run/lab/backup-lvm.sh';
const bin = '/run/recipe-bin';
const mountPoint = '/run/mounted-volume';
const volumeMiB = 24;

/** The backup is the snapshot of a mounted file system that changes. A snapshot of the target keeps the old state. */
export function recipeCopiesSnapshot(): void {
  const { origin, backup } = makeVolumes();
  const previous = readMedium(backup, 0, volumeMiB * MiB);
  sh('lvcreate', ['--snapshot', '--size', '20G', '--name', 'mail-previous', backup]);

  const output = expectCopyOfSnapshot(origin, backup, recipe);

  assert.equal(output, '', 'a run without a fault prints nothing');
  const kept = readMedium('/dev/vg1/mail-previous', 0, volumeMiB * MiB);
  assert.ok(kept.equals(previous), 'the snapshot of the target has changed');
}

/** The same for a volume in a thin pool, with the options that docs/recipes.md names for it. */
export function recipeCopiesThinSnapshot(): void {
  const origin = makeThinVolume('vg0', targetDisk, 'mail', volumeMiB);
  const backup = makeVolume('vg1', spareDisk, 'mail', volumeMiB);
  const thinRecipe = '/run/backup-thin.sh';
  const script = readFileSync(recipe, 'utf8').replace('--size 10G', '--setactivationskip n');
  writeFileSync(thinRecipe, script, { mode: 0o755 });
  expectCopyOfSnapshot(origin, backup, thinRecipe);
}

/** Runs the recipe, changes the volume during the run, and returns what the recipe prints. */
function expectCopyOfSnapshot(origin: string, backup: string, script: string): string {
  const file = mountWithFile(origin);
  const copyOfSnapshot = '/run/copy-of-snapshot';
  const change = `cp /dev/vg0/mail-snap ${copyOfSnapshot}; echo changed > ${file}; sync`;

  const { exitCode, output } = runRecipe(script, change);

  assert.equal(exitCode, 0, output);
  const copied = readMedium(backup, 0, volumeMiB * MiB);
  assert.ok(copied.equals(readFileSync(copyOfSnapshot)), 'the backup is not the snapshot');
  assert.ok(
    !copied.equals(readMedium(origin, 0, volumeMiB * MiB)),
    'the volume did not change during the run',
  );
  assert.ok(!volumesIn('vg0').includes('mail-snap'), 'the snapshot is left');
  return output;
}

/** The failure of the sync is the exit code, although lvremove succeeds after it. */
export function recipeReportsFailedSync(): void {
  const { backup } = makeVolumes();
  mountWithFile(backup);

  const { exitCode, output } = runRecipe(recipe, 'true');

  assert.equal(exitCode, 2, output);
  assert.match(output, /mounted/);
  assert.deepEqual(volumesIn('vg0'), ['mail']);
}

/** A snapshot that is full becomes unreadable. */
export function recipeReportsFullSnapshot(): void {
  const { origin } = makeVolumes();
  const smallerSnapshot =
    'lvremove --yes /dev/vg0/mail-snap && lvcreate --snapshot --size 4M --name mail-snap /dev/vg0/mail';
  const overflow = `dd if=/dev/urandom of=${origin} bs=1M count=16 conv=fsync`;

  const { exitCode, output } = runRecipe(recipe, `${smallerSnapshot} && ${overflow}`);

  assert.equal(exitCode, 2, output);
  assert.match(output, /mail-snap.*(input\/output|EIO|read)/i);
  assert.deepEqual(volumesIn('vg0'), ['mail']);
}

/** A snapshot that is open can't be removed. So the script waits for the sync, although a signal has ended it. */
export function recipeRemovesSnapshotAfterSignal(): void {
  makeVolumes();
  const { exitCode, output } = runRecipe(recipe, 'exec 9</dev/vg0/mail-snap; kill -TERM $PPID; sleep 1');

  assert.equal(exitCode, 2, output);
  assert.deepEqual(volumesIn('vg0'), ['mail']);
}

function makeVolumes(): { readonly origin: string; readonly backup: string } {
  return {
    origin: makeVolume('vg0', targetDisk, 'mail', volumeMiB),
    backup: makeVolume('vg1', spareDisk, 'mail', volumeMiB),
  };
}

/** Mounts a new file system on the volume until the test's end, and returns the path of a file in it. */
function mountWithFile(volume: string): string {
  sh('mkfs.ext4', ['-q', '-F', volume]);
  mkdirSync(mountPoint, { recursive: true });
  sh('mount', ['-t', 'ext4', volume, mountPoint]);
  afterTest(() => sh('umount', [mountPoint]));
  const file = `${mountPoint}/file`;
  writeFileSync(file, 'first');
  sh('sync', []);
  return file;
}

/** Runs a recipe. The shell commands `beforeSync` run between its lvcreate and its sync. */
function runRecipe(script: string, beforeSync: string): Outcome {
  mkdirSync(bin, { recursive: true });
  executable('ssh', `exec /usr/bin/ssh -F ${sshConfiguration('backup.example.org')} "$@"`);
  executable('basyn', `{ ${beforeSync}; } >&2`, 'exec node /run/lab/basyn.cjs "$@"');
  const { status, stdout, stderr, error } = spawnSync(script, {
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (error) throw error;
  return { exitCode: status, output: `${stdout}${stderr}` };
}

function executable(name: string, ...lines: readonly string[]): void {
  writeFileSync(`${bin}/${name}`, `#!/bin/sh\n${lines.join('\n')}\n`);
  chmodSync(`${bin}/${name}`, 0o755);
}
