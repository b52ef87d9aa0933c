import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { BackgroundRun, waitUntil } from './background.ts';
import { expectSuccess, runBasyn, type Outcome } from './basyn.ts';
import { afterTest } from './clean-up.ts';
import { MiB, spareDisk, writeMedium } from './disks.ts';
import { volumesIn } from './lvm.ts';
import { sh } from './shell.ts';
import {
  contentOf,
  devices,
  makeOrigin,
  processesWith,
  targetContent,
  volumeMiB,
  waitForSnapshot,
  type Way,
} from './snapshot-parts.ts';

const stateFile = '/run/nightly.state';
const wrapper = '/run/slow-thin-delta';
const origin = '/dev/vg0/mail';
const volumeBytes = volumeMiB * MiB;
/** The blocks of the pool, in which changes are listed. */
const blockBytes = 64 * 1024;

/** Every night reads what has changed since the last one, on the side of the source, and leaves one base. */
export function readsWhatHasChanged(way: Way): void {
  begin();
  const first = night(way);
  expectEqual(first);
  const [base] = bases();
  assert.equal(bases().length, 1);

  writeMedium(origin, MiB, randomBytes(4096));
  writeMedium(origin, 7 * MiB, randomBytes(4096));
  const second = night(way);
  expectEqual(second);
  assert.doesNotMatch(second.output, /All of the source is read/);
  assert.equal(bases().length, 1);
  assert.notEqual(bases()[0], base, 'the base is still that of the first night');
  assert.ok(readBytes(second, 'source') <= 8 * blockBytes, second.output);
  assert.ok(readBytes(second, 'target') <= 4 * blockBytes, second.output);

  const third = night(way);
  expectEqual(third);
  assert.equal(readBytes(third, 'source'), 0);
  assert.equal(readBytes(third, 'target'), 0);

  // A run without a snapshot reads everything, and forgets the base. The next one with a snapshot removes it.
  writeMedium(origin, 3 * MiB, randomBytes(4096));
  expectEqual(runBasyn([...devices(origin, way), `--bitmap=${stateFile}`]));
  writeMedium(origin, 5 * MiB, randomBytes(4096));
  const fifth = night(way);
  expectEqual(fifth);
  assert.ok(readBytes(fifth, 'source') >= volumeBytes, fifth.output);
  assert.equal(bases().length, 1);
}

/** The volume grows, and nothing is written to its new end. */
export function comparesGrownEnd(way: Way): void {
  begin();
  expectEqual(night(way));
  const larger = 4 * MiB;
  writeMedium(spareDisk, volumeBytes, randomBytes(larger));
  sh('lvextend', ['--size', `${volumeMiB + 4}M`, 'vg0/mail']);
  const second = night(way, ['--trust-target']);
  expectSuccess(second);
  assert.ok(contentOf(origin, larger).equals(contentOf(spareDisk, larger)), 'the new end differs');
  assert.equal(countIn(second, 'examinedBytes'), larger);
}

/** A run is killed with its agent and its cleaner, as by a power cut. The volume is then set back to an earlier snapshot. */
export function noticesRollbackAfterKilledRun(way: Way): void {
  begin();
  sh('lvcreate', ['-s', '-kn', '-n', 'earlier', 'vg0/mail']);
  expectEqual(night(way));
  writeMedium(origin, 0, randomBytes(8 * MiB));
  const changed = contentOf(origin).subarray(0, 4096);
  killRun(way, ['--read-limit=2M'], () => targetContent().subarray(0, 4096).equals(changed));
  sh('lvchange', ['-an', 'vg0/mail']);
  sh('lvconvert', ['--merge', 'vg0/earlier']);
  sh('lvchange', ['-ay', 'vg0/mail']);
  const next = night(way, ['--trust-target']);
  expectEqual(next);
  assert.match(
    next.output,
    /base vg0\/mail-basyn-base-\w+ can't be used: it has no origin any more|snapshot of another volume/,
  );
}

/** The same without the rollback: the base still counts, and what the killed run has changed is compared. */
export function continuesAfterKilledRun(way: Way): void {
  begin();
  expectEqual(night(way));
  const before = contentOf(origin);
  writeMedium(origin, 0, randomBytes(8 * MiB));
  const changed = contentOf(origin).subarray(0, 4096);
  killRun(way, ['--read-limit=2M'], () => targetContent().subarray(0, 4096).equals(changed));
  // Written, and then set back: the base and the next snapshot have the same bytes there, and the target does not.
  writeMedium(origin, 0, before.subarray(0, 8 * MiB));
  const next = night(way, ['--trust-target']);
  expectEqual(next);
  assert.equal(countIn(next, 'examinedBytes'), 8 * MiB);
  assert.deepEqual(leftovers(), []);
}

/** The process is killed while thin_delta runs. The metadata of the pool does not stay reserved. */
export function releasesMetadataAfterKill(way: Way): void {
  begin();
  expectEqual(night(way));
  writeMedium(origin, 2 * MiB, randomBytes(4096));
  const running = '/run/thin-delta-runs';
  withThinDelta(`case $1 in -V) ;; *) touch ${running}; sleep 3 ;; esac`);
  killRun(way, [], () => existsSync(running));
  rmSync(wrapper, { recursive: true });
  waitUntil('the metadata is released', () => processesWith('basyn-thin-delta').length === 0);
  const next = night(way);
  expectEqual(next);
  assert.doesNotMatch(next.output, /All of the source is read/);
  assert.deepEqual(leftovers(), []);
}

/** The base was removed, and made again under its name: it has the thin id of the old one. */
export function noticesOtherBase(way: Way): void {
  begin();
  expectEqual(night(way));
  const [base] = bases();
  writeMedium(origin, 0, randomBytes(8 * MiB));
  sh('lvremove', ['--yes', `vg0/${base}`]);
  sh('lvcreate', ['-s', '-kn', '-pr', '-n', base!, 'vg0/mail']);
  const next = night(way);
  expectEqual(next);
  assert.match(next.output, /it is gone, and another volume has its name/);
}

/** A base was written to, and is as it was for everybody who looks at its name. */
export function noticesWrittenBase(way: Way): void {
  begin();
  expectEqual(night(way));
  const [base] = bases();
  sh('lvchange', ['-prw', `vg0/${base}`]);
  writeMedium(origin, 0, randomBytes(MiB));
  const next = night(way);
  expectEqual(next);
  assert.match(next.output, /it is not read-only, and may have been written to/);
}

/** Without thin_delta, no base is kept, which would only take space. */
export function keepsNoBaseWithoutTool(way: Way): void {
  begin();
  withThinDelta('exit 127');
  const first = night(way);
  expectEqual(first);
  assert.match(first.output, /has no base for the next run: .*The next run reads all of the source/);
  assert.deepEqual(bases(), []);
  rmSync(wrapper, { recursive: true });
}

function begin(): void {
  rmSync(stateFile, { force: true });
  makeOrigin('thin');
}

function night(way: Way, more: readonly string[] = []): Outcome {
  return runBasyn([...nightOptions(way), ...more]);
}

function nightOptions(way: Way): string[] {
  return [...devices(origin, way), '--snapshot', `--bitmap=${stateFile}`, '--json', '--buffer=64'];
}

/** Kills the local process, its agent and the cleaner of the snapshot when something is the case. */
function killRun(way: Way, more: readonly string[], isTime: () => boolean): void {
  const run = new BackgroundRun([...nightOptions(way), ...more]);
  waitForSnapshot();
  waitUntil('the run is to be killed', isTime);
  for (const pid of processesWith('basyn-snapshot')) process.kill(pid, 'SIGKILL');
  run.kill('SIGKILL');
  run.end();
  waitUntil('the agent has ended', () => processesWith('globalThis.basynThreadProgram').length === 0);
}

function expectEqual(outcome: Outcome): void {
  expectSuccess(outcome);
  assert.ok(targetContent().equals(contentOf(origin)), `the target differs: ${outcome.output}`);
}

function bases(): string[] {
  return volumesIn('vg0').filter((name) => name.includes('-basyn-base-'));
}

/** Snapshots that are no base. */
function leftovers(): string[] {
  return volumesIn('vg0').filter((name) => name.includes('-basyn-') && !name.includes('-basyn-base-'));
}

/** What the SYNC has read of a device. What differs is read again to be sent. */
function readBytes(outcome: Outcome, role: 'source' | 'target'): number {
  return countIn(outcome, `${role}ReadBytes`);
}

/** A number in the report of the SYNC. */
function countIn({ output }: Outcome, name: string): number {
  const line = output.split('\n').find((text) => text.includes('"type":"phase-end"'));
  assert.ok(line !== undefined, output);
  const report = JSON.parse(line) as Readonly<Record<string, number | undefined>>;
  return report[name] ?? 0;
}

/** Runs a script in front of thin_delta until its directory is removed. */
function withThinDelta(script: string): void {
  mkdirSync(wrapper, { recursive: true });
  const { PATH: path = '' } = process.env;
  process.env.PATH = `${wrapper}:${path}`;
  afterTest(() => (process.env.PATH = path));
  const real = sh('sh', ['-c', `PATH=${path}; command -v thin_delta`])
    .toString()
    .trim();
  writeFileSync(`${wrapper}/thin_delta`, `#!/bin/sh\n${script}\nexec ${real} "$@"\n`);
  chmodSync(`${wrapper}/thin_delta`, 0o755);
}
