import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Job } from '../../src/jobs/job.ts';
import { requireSeparate } from '../../src/jobs/run-jobs.ts';
import { usageMessage } from '../cli/output.fixture.ts';
import { attachLoop, isRoot } from '../support/loop-device.ts';
import { scratchDirectory } from '../support/scratch.ts';

let directory = '';
let file = '';
beforeEach(() => {
  directory = scratchDirectory();
  file = join(directory, 'file');
  writeFileSync(file, Buffer.alloc(64 * 1024));
});

interface Devices {
  readonly local: string;
  readonly remote: string;
  readonly host?: string;
  readonly action?: 'push' | 'pop';
  readonly bitmap?: string;
  readonly ranges?: string;
}

function jobs(...devices: readonly Devices[]): Job[] {
  return devices.map(({ action = 'push', ...rest }, index) => ({
    name: `job${index + 1}`,
    kind: 'sync',
    options: { mode: 'sync', action, ...rest },
  }));
}

describe('two jobs', () => {
  test('may read one source, and write to targets of one name on two hosts', () => {
    requireSeparate(
      jobs(
        { local: file, remote: '/dev/b', host: 'one' },
        { local: file, remote: '/dev/b', host: 'two' },
        { local: file, remote: join(directory, 'missing') },
      ),
    );
  });

  test.each([
    [
      { remote: '/dev/b', host: 'one' },
      { remote: '/dev//b', host: 'ONE' },
    ],
    [{ remote: '/dev/b' }, { remote: '/dev/./b' }],
  ])('must not have one target by its path: %j and %j', (one, other) => {
    const problem = usageMessage(() =>
      requireSeparate(jobs({ local: '/a', ...one }, { local: '/c', ...other })),
    );
    expect(problem).toMatch(/^Job job1 writes to \/dev\/b.*, which is also the target of job job2/);
  });

  test('must not have one target under two names', () => {
    const names = ['hard', 'soft'].map((name) => join(directory, name));
    linkSync(file, names[0]!);
    symlinkSync(file, names[1]!);
    for (const name of names) {
      const problem = usageMessage(() =>
        requireSeparate(jobs({ local: '/a', remote: file }, { local: '/b', remote: name })),
      );
      expect(problem).toBe(
        `Job job1 writes to ${file}, which is also the target of job job2 under the name ${name}.`,
      );
    }
  });

  test('must not create one target, or the source of another, under two names', () => {
    mkdirSync(join(directory, 'real'));
    symlinkSync('real', join(directory, 'link'));
    const [one, other] = [join(directory, 'real/new'), join(directory, 'link/new')];
    expect(
      usageMessage(() => requireSeparate(jobs({ local: '/a', remote: one }, { local: '/b', remote: other }))),
    ).toBe(`Job job1 writes to ${one}, which is also the target of job job2 under the name ${other}.`);
    expect(
      usageMessage(() => requireSeparate(jobs({ local: '/a', remote: one }, { local: other, remote: '/b' }))),
    ).toBe(`Job job1 writes to ${one}, which is the source of job job2 under the name ${other}.`);
  });

  test('must not be a source and a target, in whatever order and direction', () => {
    const problem = usageMessage(() =>
      requireSeparate(
        jobs(
          { local: file, remote: '/x', host: 'h' },
          { local: file, remote: '/y', host: 'h', action: 'pop' },
        ),
      ),
    );
    expect(problem).toBe(`Job job2 writes to ${file}, which is the source of job job1.`);
  });

  test.skipIf(!isRoot)('must not be a file and a loop device on it (needs root)', () => {
    const { path: loop, detach } = attachLoop(file);
    onTestFinished(detach);
    const problem = usageMessage(() =>
      requireSeparate(jobs({ local: '/a', remote: file }, { local: '/b', remote: loop })),
    );
    expect(problem).toContain(`which is also the target of job job2 under the name ${loop}`);
  });

  test.each([
    [
      { bitmap: '/s' },
      { bitmap: '/x/../s' },
      'The state file /s of job job1 is also the state file of job job2 under the name /x/../s',
    ],
    [
      { ranges: '/s' },
      { ranges: '/s' },
      'The list of ranges /s of job job1 is also the list of ranges of job job2',
    ],
    [
      { bitmap: '/s' },
      { ranges: '/s' },
      'The state file /s of job job1 is also the list of ranges of job job2',
    ],
    [{ ranges: '/c' }, {}, 'The list of ranges /c of job job1 is also the local device of job job2'],
    [{ ranges: '/d' }, {}, 'The list of ranges /d of job job1 is also the remote device of job job2'],
  ])('must not write one file: %j and %j', (first, second, problem) => {
    const found = usageMessage(() =>
      requireSeparate(
        jobs({ local: '/a', remote: '/b', ...first }, { local: '/c', remote: '/d', ...second }),
      ),
    );
    expect(found).toBe(`${problem}: name another file.`);
  });

  test('share a disk if their files are on one file system', () => {
    const other = join(directory, 'other');
    writeFileSync(other, 'data');
    const [one, two] = jobs(
      { local: file, remote: '/x', host: 'h' },
      { local: other, remote: '/y', host: 'h' },
    );
    const devices = requireSeparate([one!, two!]);
    expect(devices.disksOf(one!)).toEqual(devices.disksOf(two!));
  });
});
