import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { canary, MiB, sideOf, useWorkshop, type Wiring } from '../support/fault-workshop.ts';
import {
  killingCommand,
  killPointsOf,
  recordingCommand,
  wasKilled,
  type KillPoint,
} from '../support/kill-points.ts';
import { casesOf } from '../support/lab-cases.ts';
import { isRoot } from '../support/loop-device.ts';
import { makeMediumTarget, type MediumKind, type MediumTarget } from '../support/media.ts';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const workshop = useWorkshop(server);

/** A few writes of the size that Basyn uses. A run is killed at each of them. */
const sizeBytes = MiB / 4;
const sourceBytes = mixedBytes(sizeBytes, 1);
const targetBytes = Buffer.concat([mixedBytes(sizeBytes, 2), canary]);
const wanted = Buffer.concat([sourceBytes, canary]);

const here: Wiring = { action: 'PUSH', over: 'here' };
const toRemote: Wiring = { action: 'PUSH', over: 'ssh' };
const fromRemote: Wiring = { action: 'POP', over: 'ssh' };
const timeoutMs = 240_000;

describe.skipIf(!isRoot)('a power cut after a run with exit code 0 (needs root: loop devices)', () => {
  test.each<[string, MediumKind, Wiring]>([
    ['a device on one machine', 'loop device', here],
    ['a device over ssh', 'loop device', toRemote],
    ['a device, from a remote source', 'loop device', fromRemote],
    ['a file on one machine', 'file on ext4', here],
    ['a file over ssh', 'file on ext4', toRemote],
  ])(
    '%s: the medium is equal, at whatever point an earlier run was killed',
    async (_name, kind, wiring) => {
      const source = scratchFile(sourceBytes, 'source', workshop.directory);
      const log = workshop.path('strace.log');
      const target = (): MediumTarget => makeMediumTarget(kind, targetBytes, workshop.directory);

      const recorded = target();
      const result = await runUnder(recordingCommand(log, recorded.path), wiring, source, recorded);
      expect(result).toMatchObject({ exitCode: 0 });
      expectEqual(recorded, 'no run was killed');
      const points = killPointsOf(log);
      const calls = points.map(({ call }) => call).join(' ');
      expect(calls).toMatch(/pwrite/);
      expect(calls).toMatch(/sync/);

      // The laboratory takes all points.
      const isEdge = ({ call, count }: KillPoint): boolean =>
        count === 1 || !points.some((other) => other.call === call && other.count > count);
      const selected = casesOf(points, isEdge);
      for (const point of selected) {
        const disk = target();
        await runUnder(killingCommand(log, disk.path, point), wiring, source, disk);
        expect(wasKilled(log), describePoint(point)).toBe(true);
        await expectSuccess(wiring, source, disk);
        expectEqual(disk, describePoint(point));
      }
    },
    timeoutMs,
  );

  test.each<[string, MediumKind, Wiring]>([
    ['a device on one machine', 'loop device', here],
    ['a device over ssh', 'loop device', toRemote],
    ['a file on one machine', 'file on ext4', here],
  ])(
    '%s: the medium is equal if another program had copied the data and nothing differed',
    async (_name, kind, wiring) => {
      const source = scratchFile(sourceBytes, 'source', workshop.directory);
      const disk = makeMediumTarget(kind, targetBytes, workshop.directory);
      const descriptor = openSync(disk.path, 'r+');
      writeSync(descriptor, sourceBytes, 0, sizeBytes, 0);
      closeSync(descriptor);
      await expectSuccess(wiring, source, disk);
      expectEqual(disk, 'written by another program');
    },
    timeoutMs,
  );
});

function runUnder(
  tracer: readonly string[],
  wiring: Wiring,
  source: string,
  { path: target }: MediumTarget,
): ReturnType<typeof workshop.run> {
  // A further lane would be another process, and its record would replace that of the agent.
  const args = ['--mode=SYNC', '--lanes=1'];
  const isRemote = wiring.over === 'ssh' && sideOf(wiring, 'target') === 'remote';
  return isRemote
    ? workshop.run(wiring, { source, target, sizeBytes }, [...args, `--remote-node=${tracer.join(' ')} node`])
    : workshop.run(wiring, { source, target, sizeBytes }, args, { prefix: tracer });
}

async function expectSuccess(wiring: Wiring, source: string, { path: target }: MediumTarget): Promise<void> {
  const result = await workshop.run(wiring, { source, target, sizeBytes }, ['--mode=SYNC']);
  // There may be a warning about the page cache below a loop device: that cache is the medium of these tests.
  expect(result).toMatchObject({ exitCode: 0 });
  expect(readFileSync(source).equals(sourceBytes)).toBe(true);
}

function expectEqual(disk: MediumTarget, circumstances: string): void {
  expect(disk.mediumBytes().equals(wanted), `the medium is equal: ${circumstances}`).toBe(true);
}

function describePoint({ call, count }: KillPoint): string {
  return `killed before ${call} number ${count} of a thread`;
}
