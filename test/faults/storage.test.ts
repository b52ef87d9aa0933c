import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { lineWith } from '../../rig/processes/command.ts';
import {
  canary,
  expectFailure,
  guardPair,
  MiB,
  sideOf,
  sideWord,
  useWorkshop,
  wirings,
  type Pair,
  type Wiring,
} from '../support/fault-workshop.ts';
import { filesEqual, writeImage } from '../../rig/images/images.ts';
import { attachLoop, isRoot, mountTmpfs } from '../support/loop-device.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { casesOf } from '../support/lab-cases.ts';
import { named, wiringsForTarget } from '../support/wirings.ts';

const server = useSshServer();
const workshop = useWorkshop(server);

let tmpfsCount = 0;
const verbose = ['--verbose', '--stat'];
const cases = named(wirings);
/** The target on either side, once local and once remote. */
const crossed = cases.filter(([, { action, over }]) => (action === 'PUSH') === (over === 'ssh'));
/** Every wiring and every mode, but not every combination, because runs over ssh are slow. */
const allModes = cases.map(
  ([name, wiring], index) => [name, index === 0 || index === 3 ? 'SYNC' : 'COPY', wiring] as const,
);
/** The others run in the laboratory. */
const inModes = casesOf(allModes, ([, , { action, over }]) => (action === 'PUSH') === (over === 'here'));

describe.skipIf(!isRoot)('a disk that fails (needs root: loop devices)', () => {
  test.each(inModes)(
    '%s %s: an unreadable source ends the run with the offset',
    async (_name, mode, wiring) => {
      const pair = workshop.pair(6 * MiB);
      const loop = loopOver(pair.source);
      truncateSync(pair.source, 3 * MiB);
      const check = guardPair(pair);
      const result = await workshop.run(wiring, { ...pair, source: loop }, [`--mode=${mode}`, ...verbose]);
      expectFailedRead(expectFailure(result), `${sideWord(wiring, 'source')}device ${loop}`, 3 * MiB);
      check();
    },
  );

  test.each(crossed)(
    '%s: an unreadable target ends a SYNC, which works again later',
    async (_name, wiring) => {
      const pair = workshop.pair(6 * MiB);
      const check = guardPair(pair);
      const loop = loopOver(pair.target);
      truncateSync(pair.target, 3 * MiB);
      const onLoop = { ...pair, target: loop };
      const result = await workshop.run(wiring, onLoop, ['--mode=SYNC', ...verbose]);
      expectFailedRead(expectFailure(result), `${sideWord(wiring, 'target')}device ${loop}`, 3 * MiB);
      // The disk works again, except for the part that was cut off.
      truncateSync(pair.target, pair.sizeBytes);
      writeFileSync(pair.target, canary, { flag: 'a' });
      await workshop.expectRepair(wiring, onLoop);
      check();
    },
  );

  test.each(crossed)('%s: an unwritable target ends a COPY with the offset', async (_name, wiring) => {
    // The source ends in the middle of a block. The kernel has to read the other half of the block, and fails.
    const { source } = workshop.pair(2 * MiB + 512);
    const target = workshop.path(`unwritable-${wiring.action}-${wiring.over}`);
    makeSparse(target, 4 * MiB);
    const loop = loopOver(target);
    truncateSync(target, MiB);
    const pair = { source, target: loop, sizeBytes: 2 * MiB + 512 };
    const result = await workshop.run(wiring, pair, ['--mode=COPY', ...verbose]);
    expect(expectFailure(result)).toBe(
      `basyn: cannot write ${sideWord(wiring, 'target')}device ${loop} at byte ${2 * MiB}: input/output error (EIO).`,
    );
  });

  test.each(named(wiringsForTarget))(
    '%s: a disk that accepts the writes and fails the flush makes the run fail',
    async (_name, wiring) => {
      const pair = workshop.pair(4 * MiB);
      const full = tmpfs(2 * MiB);
      const file = join(full, 'disk');
      makeSparse(file, 4 * MiB);
      const loop = loopOver(file);
      const result = await workshop.run(wiring, { ...pair, target: loop }, ['--mode=COPY', ...verbose]);
      expect(expectFailure(result)).toBe(
        `basyn: cannot flush ${sideWord(wiring, 'target')}device ${loop}: input/output error (EIO); ` +
          'data may not be on the disk.',
      );
    },
  );
});

describe.skipIf(!isRoot)('a file system that is full (needs root: tmpfs)', () => {
  test.each(inModes)(
    '%s %s: ends the run with the offset, and a SYNC works once there is space',
    async (_name, mode, wiring) => {
      const directory = tmpfs(3 * MiB);
      const { source, sizeBytes } = workshop.pair(8 * MiB);
      const target = join(directory, 'target');
      makeSparse(target, sizeBytes + 64 * 1024);
      const result = await workshop.run(wiring, { source, target, sizeBytes }, [
        `--mode=${mode}`,
        ...verbose,
      ]);
      expect(expectFailure(result)).toMatch(
        new RegExp(
          `^basyn: cannot write ${sideWord(wiring, 'target')}file ${target} at byte \\d+: ` +
            String.raw`no space left on device \(ENOSPC\)\.$`,
        ),
      );
      execFileSync('mount', ['-o', 'remount,size=8m', directory]);
      const { exitCode } = await workshop.run(wiring, { source, target, sizeBytes });
      expect(exitCode).toBe(0);
      expect(filesEqual(source, target, sizeBytes)).toBe(true);
    },
  );
});

describe('a limit on file sizes', () => {
  const limit = ['prlimit', `--fsize=${2 * MiB}`];
  test.each(inModes)('%s %s: a short write ends the run with the offset', async (_name, mode, wiring) => {
    const pair = workshop.pair(4 * MiB);
    const check = guardPair(pair);
    const isRemote = wiring.over === 'ssh' && sideOf(wiring, 'target') === 'remote';
    const result = await workshop.run(
      wiring,
      pair,
      [`--mode=${mode}`, ...verbose, ...(isRemote ? [`--remote-node=${limit.join(' ')} node`] : [])],
      isRemote ? {} : { prefix: limit },
    );
    expect(expectFailure(result)).toMatch(
      new RegExp(
        `^basyn: cannot write ${sideWord(wiring, 'target')}file ${pair.target} at byte \\d+: ` +
          String.raw`file size limit reached \(EFBIG\)\.$`,
      ),
    );
    check();
    await workshop.expectRepair(wiring, pair);
  });
});

describe.skipIf(!isRoot)('the reason of a failure (needs root: loop devices)', () => {
  test.each(['PUSH', 'POP'] as const)('%s here: is reported if many threads fail at once', async (action) => {
    const sizeBytes = 96 * MiB;
    const pair = {
      source: workshop.path(`big-${action}`),
      target: workshop.path(`other-${action}`),
      sizeBytes,
    };
    for (const path of [pair.source, pair.target]) makeSparse(path, sizeBytes);
    const loop = loopOver(pair.source);
    truncateSync(pair.source, 32 * MiB);
    const wiring = { action, over: 'here' } as const;
    // The first thread to fail, and the time when the others fail, differ in each run.
    for (let attempt = 0; attempt < 3; attempt++) {
      const result = await workshop.run(wiring, { ...pair, source: loop });
      expectFailedRead(expectFailure(result), `${sideWord(wiring, 'source')}device ${loop}`, 32 * MiB);
    }
  });

  test.each(
    (['PUSH', 'POP'] as const).flatMap((action) =>
      (['source', 'target'] as const).map((role) => [action, role] as const),
    ),
  )('%s ssh: is reported if the %s is longer than the window of the comparison', async (action, role) => {
    const wiring = { action, over: 'ssh' } as const;
    const sizeBytes = 40 * MiB;
    const pair = {
      source: workshop.path(`long-${action}-${role}`),
      target: workshop.path(`wide-${action}-${role}`),
      sizeBytes,
    };
    for (const path of [pair.source, pair.target]) makeSparse(path, sizeBytes);
    const loop = loopOver(pair[role]);
    truncateSync(pair[role], 2 * MiB);
    // The window is 16384 buffers: 16 MiB of the 40.
    const result = await workshop.run(wiring, { ...pair, [role]: loop }, [
      '--mode=SYNC',
      '--buffer=1',
      '--verbose',
    ]);
    expectFailedRead(expectFailure(result), `${sideWord(wiring, role)}device ${loop}`, 2 * MiB);
  });

  test('POP ssh: arrives over a slow link, after the data that was sent before', async () => {
    const wiring = { action: 'POP', over: 'ssh' } as const;
    const relay = await workshop.relay({ bandwidthMbit: 10 });
    const pair = workshop.pair(8 * MiB);
    const loop = loopOver(pair.source);
    truncateSync(pair.source, 6 * MiB);
    const result = await workshop.run(wiring, { ...pair, source: loop }, ['--mode=COPY'], {
      port: relay.port,
    });
    expectFailedRead(expectFailure(result, { withinMs: 20_000 }), `remote device ${loop}`, 6 * MiB);
  });
});

describe('a source that becomes shorter during the run', () => {
  test.skipIf(!isRoot).each(['PUSH', 'POP'] as const)(
    '%s here: ends the run with the offset of its new end, although holes are not read (needs root)',
    async (action) => {
      const wiring = { action, over: 'here' } as const;
      // The target is a device, which is read as a whole at some GB/s.
      const sizeBytes = 4 * 1024 * MiB;
      const pair = {
        source: workshop.path(`long-${action}`),
        target: workshop.path(`twin-${action}`),
        sizeBytes,
      };
      for (const path of [pair.source, pair.target]) makeSparse(path, sizeBytes);
      const target = loopOver(pair.target);
      const run = await workshop.start(wiring, { ...pair, target }, ['--mode=SYNC', '--verbose']);
      await lineWith(run.child.stdout!, 'to go through');
      truncateSync(pair.source, 1000 * MiB);
      expectShorter(expectFailure(await run.result), wiring, pair, 1000 * MiB);
    },
  );

  test.each(['PUSH', 'POP'] as const)(
    '%s ssh: ends the run with the offset of its new end',
    async (action) => {
      const wiring = { action, over: 'ssh' } as const;
      const relay = await workshop.relay({ bandwidthMbit: 64 });
      const pair = workshop.pair(12 * MiB);
      const run = await workshop.start(wiring, pair, ['--mode=COPY', '--verbose'], { port: relay.port });
      await lineWith(run.child.stdout!, 'to go through');
      truncateSync(pair.source, 11 * MiB);
      expectShorter(expectFailure(await run.result), wiring, pair, 11 * MiB);
      writeImage(pair.source, pair.sizeBytes, { seed: 7 });
      await workshop.expectRepair(wiring, pair);
    },
  );

  function expectShorter(
    sentence: string,
    wiring: Wiring,
    { source, sizeBytes }: Pair,
    endBytes: number,
  ): void {
    const parts = /^basyn: (.*) ends at byte (\d+), but (.*)\.$/.exec(sentence);
    expect(parts?.[1], sentence).toBe(`${sideWord(wiring, 'source')}file ${source}`);
    expect(Number(parts?.[2])).toBeGreaterThanOrEqual(endBytes);
    expect(parts?.[3]).toBe(`it had ${sizeBytes} bytes when it was opened: it has shrunk`);
  }
});

/** Threads read at several offsets at once: any offset past the cut may be the first to fail. */
function expectFailedRead(sentence: string, device: string, leastBytes: number): void {
  const parts =
    /^basyn: cannot read (.*) at byte (\d+): input\/output error \(EIO\)\.( To leave out .* add --skip-read-errors\.)?$/.exec(
      sentence,
    );
  expect(parts?.[1], sentence).toBe(device);
  expect(Number(parts?.[2])).toBeGreaterThanOrEqual(leastBytes);
}

function loopOver(file: string): string {
  const { path, detach } = attachLoop(file);
  onTestFinished(detach);
  return path;
}

function tmpfs(sizeBytes: number): string {
  const path = workshop.path(`tmpfs-${++tmpfsCount}`);
  onTestFinished(mountTmpfs(path, sizeBytes));
  return path;
}

function makeSparse(path: string, sizeBytes: number): void {
  writeFileSync(path, '');
  truncateSync(path, sizeBytes);
}
