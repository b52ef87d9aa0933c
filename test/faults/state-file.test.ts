import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { deviceNumber } from '../../src/device/block-device.ts';
import { expectFailure, useWorkshop, type Wiring } from '../support/fault-workshop.ts';
import { casesOf } from '../support/lab-cases.ts';
import { attachLoop, isRoot, mountTmpfs } from '../support/loop-device.ts';
import { bufferBytes, Nights, type Night, type NightlyKind } from '../support/nights.ts';
import { useSshServer } from '../support/ssh-server.ts';

// Each test makes several runs.
vi.setConfig({ testTimeout: 120_000 });

const server = useSshServer();
const workshop = useWorkshop(server);
const push: Wiring = { action: 'PUSH', over: 'here' };

/** Who has written to the target, what a warning says, and the write. */
type Modification = [string, RegExp, (nights: Nights) => void];

/** A buffer of the target that differs from what the file says. */
const foreign = 11;

function nightsOf(kind: NightlyKind, bufferCount = 32): Nights {
  return new Nights(workshop, { kind, wiring: push, bufferCount });
}

describe.skipIf(!isRoot)('a target device that others have written to (needs root: loop devices)', () => {
  const writtenTo = /something else has written to the target/;
  const attachedAgain = /the target was attached again/;
  const deviceCases: Modification[] = [
    ['through the device', writtenTo, (nights) => nights.write(nights.target, foreign)],
    [
      'through a symbolic link',
      writtenTo,
      (nights) => {
        const link = join(nights.directory, 'link');
        symlinkSync(nights.target, link);
        nights.write(link, foreign);
      },
    ],
    [
      'through another device node',
      writtenTo,
      (nights) => {
        const node = join(nights.directory, 'node');
        const [major, minor] = deviceNumber(statSync(nights.target, { bigint: true }).rdev).split(':');
        execFileSync('mknod', [node, 'b', major!, minor!]);
        nights.write(node, foreign);
      },
    ],
    ['by a discard', writtenTo, (nights) => discard(nights.target)],
    [
      'through another loop device over the same file',
      writtenTo,
      (nights) => {
        const { path, detach } = attachLoop(nights.backing);
        nights.write(path, foreign);
        detach();
      },
    ],
    ['through the file below', writtenTo, (nights) => nights.write(nights.backing, foreign)],
    [
      'which was detached, written to and attached again',
      attachedAgain,
      (nights) => {
        execFileSync('losetup', ['-d', nights.target]);
        nights.write(nights.backing, foreign);
        execFileSync('losetup', ['--direct-io=on', nights.target, nights.backing]);
      },
    ],
    [
      'which was replaced by another one of the same size',
      attachedAgain,
      (nights) => {
        execFileSync('losetup', ['-d', nights.target]);
        const other = `${nights.backing}-other`;
        copyFileSync(nights.backing, other);
        nights.write(other, foreign);
        execFileSync('losetup', ['--direct-io=on', nights.target, other]);
      },
    ],
  ];
  test.each(casesOf(deviceCases, ([name]) => /^through (the|another loop) device|^which/.test(name)))(
    '%s is compared completely',
    async (_name, reason, modify) => {
      const nights = nightsOf('loop device');
      await nights.begin();
      modify(nights);
      nights.change(2);
      await expectCompleteComparison(nights, reason);
    },
  );

  test('through a device that names its disk is compared completely', async () => {
    const nights = nightsOf('loop device');
    await nights.begin();
    const name = nights.target;
    nights.target = join(nights.directory, 'by-name');
    symlinkSync(name, nights.target);
    await expectCompleteComparison(nights, /describes another target/);
  });
});

describe('a target file that others have written to', () => {
  const writtenTo = /something else has written to the target/;
  const replaced = /the target was attached again since the last run, or is another device/;
  const fileCases: Modification[] = [
    ['by its name', writtenTo, (nights) => nights.write(nights.target, foreign)],
    [
      'by its name, with its old time set again',
      writtenTo,
      (nights) => {
        const { atime, mtime } = statSync(nights.target);
        nights.write(nights.target, foreign);
        utimesSync(nights.target, atime, mtime);
      },
    ],
    [
      'through a hard link',
      writtenTo,
      (nights) => {
        linkSync(nights.target, `${nights.target}-link`);
        nights.write(`${nights.target}-link`, foreign);
      },
    ],
    [
      'by a mapping',
      writtenTo,
      (nights) => {
        const program = 'import mmap,sys; f=open(sys.argv[1],"r+b"); m=mmap.mmap(f.fileno(),0); m[720000]^=1';
        execFileSync('/usr/bin/python3', ['-c', program, nights.target]);
      },
    ],
    [
      'by shortening and extending it',
      writtenTo,
      (nights) => {
        const { size } = statSync(nights.target);
        truncateSync(nights.target, foreign * bufferBytes);
        truncateSync(nights.target, size);
      },
    ],
    [
      'by replacing it with another file',
      replaced,
      (nights) => {
        const other = `${nights.target}-other`;
        copyFileSync(nights.target, other);
        nights.write(other, foreign);
        const { atime, mtime } = statSync(nights.target);
        utimesSync(other, atime, mtime);
        renameSync(other, nights.target);
      },
    ],
  ];
  test.each(casesOf(fileCases, ([name]) => /old time|mapping|replacing/.test(name)))(
    '%s is compared completely',
    async (_name, reason, modify) => {
      const nights = nightsOf('file');
      await nights.begin();
      modify(nights);
      nights.change(2);
      await expectCompleteComparison(nights, reason);
    },
  );

  test.skipIf(!isRoot)('through a loop device is compared completely (needs root)', async () => {
    const nights = nightsOf('file');
    await nights.begin();
    const { path, detach } = attachLoop(nights.target);
    nights.write(path, foreign);
    detach();
    await expectCompleteComparison(nights, writtenTo);
  });

  test.skipIf(!isRoot)('is compared completely in each run if it is on a tmpfs (needs root)', async () => {
    const nights = nightsOf('file');
    const directory = join(nights.directory, 'memory');
    onTestFinished(mountTmpfs(directory, 16 * 1024 * 1024));
    nights.target = join(directory, 'target');
    copyFileSync(nights.source, nights.target);
    await nights.night(['--buffer=64']);
    // With a mapping that was made before, a write leaves no trace.
    const night = await nights.night();
    expect(night).toMatchObject({ stateFile: { knownBuffers: 0 } });
    expect(night.warnings).toMatch(/it is not known whether anything else has written/);
  });
});

describe('a state file', () => {
  const digestsAt = 2 * 32 * 1024 + 4096;

  test('that is torn, swapped or cut is reported, and everything is compared', async () => {
    const nights = nightsOf('file');
    await nights.begin();
    const headerBytes = 32 * 1024;
    const damages: [string, RegExp, (bytes: Buffer) => Buffer][] = [
      [
        'a torn page of digests',
        /is damaged \(1 pages\)/,
        (bytes) => bytes.fill(7, digestsAt + 512, digestsAt + 1024),
      ],
      [
        'both headers',
        /is damaged/,
        (bytes) => bytes.fill(7, 100, 200).fill(7, headerBytes + 100, headerBytes + 200),
      ],
      ['its end', /^$/, (bytes) => bytes.subarray(0, digestsAt)],
      [
        'swapped headers',
        /^$/,
        (bytes) =>
          Buffer.concat([
            bytes.subarray(headerBytes, 2 * headerBytes),
            bytes.subarray(0, headerBytes),
            bytes.subarray(2 * headerBytes),
          ]),
      ],
    ];
    for (const [name, warning, damage] of damages) {
      writeFileSync(nights.state, damage(readFileSync(nights.state)));
      nights.change(4);
      const { warnings } = await nights.night();
      expect({ name, warnings }).toEqual({ name, warnings: expect.stringMatching(warning) });
      nights.expectEqual(name);
      const next = await nights.night(['--update-bitmap', '--buffer=64']);
      expect({ name, warnings: next.warnings }).toEqual({ name, warnings: '' });
    }
  });

  test('of another pair, or an older copy, is not used', async () => {
    const nights = nightsOf('file');
    const other = nightsOf('file');
    await nights.begin();
    await other.begin();
    const restore = nights.keep(nights.state);
    const older = readFileSync(nights.source);
    nights.change(foreign);
    await nights.night();
    // The source is rolled back as well, so that it is as the older copy says.
    restore();
    writeFileSync(nights.source, older);
    await expectCompleteComparison(nights, /something else has written to the target/);

    copyFileSync(other.state, nights.state);
    await expectCompleteComparison(nights, /describes another target/);
    nights.expectEqual();
  });

  test('of a target on another host is not used', async () => {
    const nights = nightsOf('file');
    await nights.begin();
    nights.wiring = { action: 'PUSH', over: 'ssh' };
    await expectCompleteComparison(nights, /describes another target/);
  });

  test.each<[string, RegExp, (nights: Nights) => void]>([
    ['another file', /is not a state file/, ({ state }) => writeFileSync(state, 'notes of last week\n')],
    ['an empty file', /is not a state file/, ({ state }) => writeFileSync(state, '')],
    ['a directory', /State file .*(is not a state file|is a directory)/i, ({ state }) => mkdirSync(state)],
    ['a pipe', /is not a state file/, ({ state }) => execFileSync('mkfifo', [state])],
    ['in a directory that does not exist', /cannot be created/, (nights) => (nights.state += '/none/state')],
  ])('that is %s ends the run before anything is written', async (_name, sentence, make) => {
    const nights = nightsOf('file');
    make(nights);
    const before =
      existsSync(nights.state) && statSync(nights.state).isFile() ? readFileSync(nights.state) : null;
    const target = readFileSync(nights.target);
    expect(expectFailure(await nights.run(['--buffer=64']))).toMatch(sentence);
    expect(readFileSync(nights.target).equals(target)).toBe(true);
    if (before !== null) expect(readFileSync(nights.state).equals(before)).toBe(true);
  });

  test.each(['source', 'backing'] as const)('that is the %s itself is refused', async (which) => {
    const nights = nightsOf('file');
    nights.state = nights[which];
    const before = [readFileSync(nights.source), readFileSync(nights.backing)] as const;
    expect(await nights.run()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^basyn: The .* is also the .*: name another file\.\n$/),
    });
    expect(readFileSync(nights.source).equals(before[0])).toBe(true);
    expect(readFileSync(nights.backing).equals(before[1])).toBe(true);
  });

  test.skipIf(!isRoot)('that is the target device is refused (needs root)', async () => {
    const nights = nightsOf('loop device');
    nights.state = nights.target;
    expect(await nights.run()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^basyn: The .* is also the .*: name another file\.\n$/),
    });
    expect(nights.isEqual()).toBe(false);
  });

  test('that a dry run and a recheck only read may be read-only', async () => {
    const nights = nightsOf('file');
    await nights.begin();
    chmodSync(nights.state, 0o400);
    expect(await nights.night(['--dry-run'])).toMatchObject({ stateFile: { knownBuffers: 32 } });
    await nights.night([], { mode: 'recheck' });
  });

  test('serves one run at a time', async () => {
    const nights = nightsOf('file', 256);
    await nights.begin();
    const first = await nights.start(['--update-bitmap', '--buffer=64', '--read-limit=1M']);
    const started = new Promise<void>((resolve) => first.child.stdout!.once('data', () => resolve()));
    await started;
    const other = nightsOf('file', 256);
    other.state = nights.state;
    const sentence = expectFailure(await other.run());
    expect(sentence).toMatch(/State file .* is used by another run/);
    process.kill(first.pid, 'SIGTERM');
    await first.result;
    await nights.night();
    nights.expectEqual();
  });

  test.skipIf(!isRoot)(
    'on a disk that is full ends the run, and the next one is right (needs root)',
    async () => {
      const nights = nightsOf('file', 256);
      const directory = join(nights.directory, 'small');
      onTestFinished(mountTmpfs(directory, 512 * 1024));
      const filler = join(directory, 'filler');
      nights.state = join(directory, 'state');
      await nights.begin();
      for (const freePages of [0, 1]) {
        nights.change(...Array.from({ length: 250 }, (_, index) => index));
        execFileSync('sh', [
          '-c',
          `rm -f "$1"; cat /dev/zero > "$1" 2>/dev/null; truncate -s -${4096 * freePages} "$1"`,
          'sh',
          filler,
        ]);
        // The pages of the file exist, so that a file that is made anew needs space.
        const result = await nights.run(['--update-bitmap', '--buffer=32']);
        expect(result).toMatchObject({
          exitCode: 2,
          stderr: expect.stringMatching(
            /^basyn: State file .* cannot be (written|created|flushed): no space/,
          ),
        });
        execFileSync('rm', [filler]);
        await nights.night();
        nights.expectEqual();
        expect(await nights.night()).toMatchObject({ warnings: '' });
      }
    },
  );
});

/** Nothing that the file says is used, a warning says why, and the next run uses it again. */
async function expectCompleteComparison(nights: Nights, reason: RegExp): Promise<void> {
  const night: Night = await nights.night();
  expect(night.warnings).toMatch(reason);
  expect(night.stateFile).toMatchObject({ knownBuffers: 0, reason: expect.stringMatching(reason) });
  nights.expectEqual();
  const next = await nights.night();
  expect(next.warnings).toBe('');
  expect(next.stateFile!.knownBuffers).toBe(next.stateFile!.bufferCount);
}

function discard(path: string): void {
  execFileSync('blkdiscard', ['-f', '-o', `${foreign * bufferBytes}`, '-l', `${bufferBytes}`, path]);
}
