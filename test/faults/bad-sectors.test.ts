import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { cutAll, type Extent } from '../../src/digest/extent.ts';
import { makeBadDisk } from '../support/bad-sectors.ts';
import { jsonLines, jsonPhases } from '../support/basyn.ts';
import { sideWord, useWorkshop, wirings, type Wiring } from '../support/fault-workshop.ts';
import { casesOf } from '../support/lab-cases.ts';
import { isRoot } from '../support/loop-device.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { named, wiringsForSource, wiringsForTarget } from '../support/wirings.ts';

const server = useSshServer();
const workshop = useWorkshop(server);

const KiB = 1024;
const MiB = 1024 * KiB;
/** Ends within a piece of 4 KiB. */
const sizeBytes = 5 * MiB + 1536;
const page = (atBytes: number, count = 1): Extent => ({ offsetBytes: atBytes, lengthBytes: count * 4 * KiB });
/** One in the first page, two in one buffer, one across the end of a block and of a buffer, and the short last piece. */
const bad = [
  page(0),
  page(300 * KiB),
  page(700 * KiB, 3),
  page(4 * MiB - 8 * KiB, 4),
  { offsetBytes: 5 * MiB, lengthBytes: 1536 },
];
const badBytes = bad.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
/** Where source and target differ: next to bad sectors, in their block, and elsewhere. */
const changes = [
  page(4 * KiB),
  page(312 * KiB),
  page(696 * KiB),
  page(2 * MiB + 20 * KiB),
  page(4 * MiB + 8 * KiB, 2),
];
const changedBytes = changes.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
const sourceBytes = mixedBytes(sizeBytes, 1);
const skip = '--skip-read-errors';

const cases = named(wirings);
/** How finely the devices are compared. With chunks of a block, a block that is partly bad is compared in no finer steps. */
const chunks = [
  [],
  ['--chunk=64'],
  ['--chunk=4', '--buffer=4'],
  ['--chunk=2048'],
  ['--buffer=100', '--chunk=10'],
];

interface Disks {
  readonly source: string;
  readonly target: string;
  /** What the target has to contain after a transfer that leaves out the bad ranges. */
  readonly wanted: Buffer;
  readonly targetBytes: Buffer;
}

/** A target that differs in `changes` and in all bad ranges, and is longer than the source. */
async function makeDisks(kind: 'file' | 'block device', ranges: readonly Extent[] = bad): Promise<Disks> {
  const { path: source } = await makeBadDisk(kind, sourceBytes, ranges);
  const targetBytes = Buffer.concat([sourceBytes, Buffer.alloc(70_000, 'canary')]);
  for (const { offsetBytes, lengthBytes } of [...changes, ...ranges]) {
    targetBytes.fill('old', offsetBytes, offsetBytes + lengthBytes);
  }
  const wanted = Buffer.from(targetBytes);
  sourceBytes.copy(wanted);
  for (const { offsetBytes, lengthBytes } of ranges) {
    wanted.fill('old', offsetBytes, offsetBytes + lengthBytes);
  }
  const target = workshop.path(`target-${++count}`);
  writeFileSync(target, targetBytes);
  return { source, target, wanted, targetBytes };
}
let count = 0;

function run(wiring: Wiring, { source, target }: Disks, more: readonly string[]) {
  return workshop.run(wiring, { source, target, sizeBytes }, more);
}

/** What stderr says about the ranges. */
function listOf(wiring: Wiring, phase: string, { source }: Disks, outcome: string): string[] {
  const total = `${badBytes} bytes (${(badBytes / KiB).toFixed(1)} KiB)`;
  return [
    `basyn: ${phase}: ${total} in ${bad.length} ranges of ${sideWord(wiring, 'source')}${source} ${outcome}:`,
    ...bad.map(
      ({ offsetBytes, lengthBytes }) =>
        `  at offset ${offsetBytes}: ${lengthBytes} bytes (${(lengthBytes / KiB).toFixed(1)} KiB)`,
    ),
  ];
}

describe.skipIf(!isRoot)('a source with bad sectors (needs root: FUSE)', () => {
  describe.each(['SYNC', 'COPY'])('%s', (mode) => {
    test.each(named(wiringsForSource))(
      '%s: --skip-read-errors leaves them out, transfers everything else, and lists them',
      async (_, wiring) => {
        const disks = await makeDisks(wiring.action === 'PUSH' ? 'block device' : 'file');
        const result = await run(wiring, disks, [`--mode=${mode}`, skip]);
        expect(result.stdout).toBe('');
        const said = result.stderr
          .split('\n')
          .filter((line) => line !== '' && !line.startsWith('basyn: warning: '));
        const outcome = "can't be read, and were left as they are on the target";
        expect(said).toEqual(listOf(wiring, mode.toLowerCase(), disks, outcome));
        expect(result.exitCode).toBe(2);
        expect(readFileSync(disks.target).equals(disks.wanted)).toBe(true);
      },
    );
  });

  describe.each(chunks.map((options) => [options.join(' ') || 'default chunks', options] as const))(
    'SYNC with %s',
    (_, options) => {
      const isSelected = ([name]: (typeof cases)[number]): boolean =>
        options.length === 0 || name === 'PUSH here' || name === 'POP ssh';
      test.each(casesOf(cases, isSelected))(
        '%s: reports exactly what differs and what is unreadable, also in the recheck',
        async (_, wiring) => {
          const disks = await makeDisks('file');
          const result = await run(wiring, disks, ['--mode=SYNC', '--recheck', '--json', skip, ...options]);
          expect(result.exitCode, result.stderr).toBe(2);
          expect(readFileSync(disks.target).equals(disks.wanted)).toBe(true);
          const [sync, recheck] = jsonPhases(result);
          for (const phase of [sync, recheck]) {
            expect(phase).toMatchObject({
              unreadableBytes: badBytes,
              unreadableRangeCount: bad.length,
              unreadableRanges: bad,
            });
          }
          expect(sync!.writtenBytes).toBe(sync!.differingBytes);
          expect(sync!.differingBytes).toBeGreaterThanOrEqual(changedBytes);
          if (options.length === 0 && wiring.over === 'here') expect(sync!.differingBytes).toBe(changedBytes);
          expect(recheck).toMatchObject({ differingBytes: 0, differingRangeCount: 0 });
          const lines = jsonLines(result);
          expect(lines.at(-1)).toMatchObject({ type: 'result', matches: false, sizesMatch: true });
          const events = lines.filter(({ type, phase }) => type === 'unreadable' && phase === 'sync');
          const reported = events.map(
            ({ offsetBytes, lengthBytes }) => ({ offsetBytes, lengthBytes }) as Extent,
          );
          expect(pagesOf(reported)).toEqual(pagesOf(bad));
        },
      );
    },
  );

  test.each(named(wiringsForSource))(
    '%s: a recheck does not compare them, and finds all other differences',
    async (_, wiring) => {
      const disks = await makeDisks('file');
      const result = await run(wiring, disks, ['--recheck', '--json', '--chunk=4', skip]);
      expect(result.exitCode).toBe(2);
      const [recheck] = jsonPhases(result);
      expect(recheck).toMatchObject({
        differingBytes: changedBytes,
        differingRanges: changes,
        unreadableRanges: bad,
      });
      expect(readFileSync(disks.target).equals(disks.targetBytes)).toBe(true);

      writeFileSync(disks.target, disks.wanted);
      const again = await run(wiring, disks, ['--recheck', skip]);
      expect(again).toMatchObject({ exitCode: 2, stdout: '' });
      const said = again.stderr
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('basyn: warning: '));
      expect(said).toEqual(listOf(wiring, 'recheck', disks, "can't be read, and were not compared"));
    },
  );

  test.each(named(wiringsForSource))(
    '%s: without the option, the first of them ends the run',
    async (_, wiring) => {
      const disks = await makeDisks('file');
      for (const options of [['--mode=SYNC'], ['--mode=COPY'], ['--recheck']]) {
        const { exitCode, stderr } = await run(wiring, disks, options);
        expect(exitCode).toBe(2);
        expect(stderr).toMatch(/basyn: cannot read .* at byte \d+: input\/output error \(EIO\)\./);
        const offsetBytes = Number(/ at byte (\d+)/.exec(stderr)?.[1]);
        expect(pagesOf(bad)).toContain(offsetBytes / (4 * KiB));
        expect(stderr.includes("To leave out what can't be read, add --skip-read-errors.")).toBe(
          !options.includes('--recheck'),
        );
      }
    },
  );

  test.each(named(wiringsForSource))(
    '%s: without bad sectors, the option changes nothing',
    async (_, wiring) => {
      const disks = await makeDisks('file', []);
      const result = await run(wiring, disks, ['--mode=SYNC', '--recheck', '--json', skip]);
      expect(result.exitCode).toBe(0);
      expect(result.stdout).not.toContain('unreadable');
      expect(readFileSync(disks.target).equals(disks.wanted)).toBe(true);
    },
  );

  test.each(named(wiringsForTarget))(
    '%s: read errors of the target end the run, also with the option',
    async (_, wiring) => {
      const { path: target } = await makeBadDisk('block device', sourceBytes, bad);
      const source = workshop.path(`good-${++count}`);
      writeFileSync(source, sourceBytes.subarray(0, 5 * MiB + 1024));
      const result = await workshop.run(wiring, { source, target, sizeBytes }, ['--recheck', skip]);
      expect(result.exitCode).toBe(2);
      expect(result.stderr).toMatch(/basyn: cannot read .* at byte \d+: input\/output error \(EIO\)\./);
      expect(result.stderr).toContain(`${sideWord(wiring, 'target')}device ${target}`);
      expect(result.stderr).not.toContain('skip-read-errors');
    },
  );

  test.each(named(wiringsForSource))('%s: a source that is gone ends the run', async (_, wiring) => {
    const disk = await makeBadDisk('file', sourceBytes, bad);
    const target = workshop.path(`lost-${++count}`);
    writeFileSync(target, Buffer.alloc(sizeBytes));
    disk.unplug();
    const result = await workshop.run(wiring, { source: disk.path, target, sizeBytes }, [
      '--mode=COPY',
      skip,
    ]);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toMatch(/basyn: cannot read .* at byte \d+: .*\(ENXIO\)\./);
  });
});

test('--skip-read-errors needs a direction', async () => {
  const result = await workshop.command(['--local=a', '--remote=b', '--recheck', skip]);
  expect(result).toMatchObject({
    exitCode: 1,
    stderr:
      'basyn: --skip-read-errors needs --action: give the direction with --action=PUSH or --action=POP.\n',
  });
});

/** Independent of how ranges are joined. */
function pagesOf(ranges: readonly Extent[]): number[] {
  const numbers = cutAll(ranges, 4 * KiB).map(({ offsetBytes }) => Math.floor(offsetBytes / (4 * KiB)));
  return [...new Set(numbers)].sort((a, b) => a - b);
}
