import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { jsonLines } from '../support/basyn.ts';
import { makeBadDisk } from '../support/bad-sectors.ts';
import { useWorkshop, wirings, type Wiring } from '../support/fault-workshop.ts';
import { casesOf } from '../support/lab-cases.ts';
import { isRoot } from '../support/loop-device.ts';
import { bufferBytes, Nights, type Night, readDirectly } from '../support/nights.ts';
import { useSshServer } from '../support/ssh-server.ts';

// Each test makes several runs.
vi.setConfig({ testTimeout: 120_000 });

const server = useSshServer();
const workshop = useWorkshop(server);
const allWays = wirings.map((wiring) => [`${wiring.action} ${wiring.over}`, wiring] as const);
/** The others run in the laboratory. */
const cases = casesOf(allWays, ([, { action, over }]) => action === 'POP' && over === 'ssh');
const push: Wiring = { action: 'PUSH', over: 'here' };
const wholeBytes = 32 * bufferBytes - 4096;

describe.skipIf(!isRoot).each(cases)('%s with a state file (needs root: loop devices)', (_name, wiring) => {
  test('reads nothing of the target while nothing changes, and only the buffers that differ', async () => {
    const nights = new Nights(workshop, { kind: 'loop device', wiring });
    await nights.begin();
    const second = await nights.night();
    expect(second).toMatchObject({ readBytes: 0, warnings: '' });
    expect(second.stateFile).toMatchObject({ knownBuffers: 32, bufferCount: 32 });
    nights.change(3, 17);
    const third = await nights.night();
    expectReadOf(2, third);
    expect(third.phases).toMatchObject([{ writtenBytes: 8192 }]);
    nights.expectEqual();
    // What was sent is known as well.
    expect(await nights.night()).toMatchObject({ readBytes: 0, stateFile: { knownBuffers: 32 } });
  });
});

describe
  .skipIf(!isRoot)
  .each(cases.filter(([, { action, over }]) => (action === 'PUSH') === (over === 'here')))(
  '%s with a state file (needs root: loop devices)',
  (_name, wiring) => {
    test('rebuilds the file where that is requested', async () => {
      const nights = new Nights(workshop, { kind: 'loop device', wiring });
      await nights.begin();
      nights.change(5);
      const updated = await nights.night(['--update-bitmap', '--buffer=64']);
      expect(updated.readBytes).toBeGreaterThanOrEqual(wholeBytes);
      expect(updated).toMatchObject({ warnings: '', stateFile: { knownBuffers: 0 } });
      expect(updated.phases).toMatchObject([{ phase: 'sync', writtenBytes: 4096 }]);
      nights.expectEqual();
      expect(await nights.night()).toMatchObject({ readBytes: 0, stateFile: { knownBuffers: 32 } });

      for (const [more, mode] of [
        [['--reset-bitmap', '--buffer=64'], 'SYNC'],
        [['--buffer=64'], 'COPY'],
      ] as const) {
        nights.change(6);
        const reset = await nights.night(more, { mode });
        expect(reset).toMatchObject({ readBytes: 0, warnings: '' });
        expect(reset.phases).toMatchObject([{ phase: 'copy', writtenBytes: wholeBytes }]);
        nights.expectEqual();
        const next = await nights.night();
        expect(next).toMatchObject({ readBytes: 0, warnings: '', stateFile: { knownBuffers: 32 } });
      }
    });

    test('does not change the file in a dry run', async () => {
      const nights = new Nights(workshop, { kind: 'loop device', wiring });
      await nights.night(['--dry-run', '--buffer=64']);
      expect(existsSync(nights.state)).toBe(false);
      await nights.begin();
      nights.change(9);
      const before = readFileSync(nights.state);
      const dry = await nights.night(['--dry-run']);
      expect(dry).toMatchObject({ phases: [{ differingBytes: 4096, writtenBytes: 0 }] });
      expectReadOf(1, dry);
      await nights.night(['--dry-run', '--reset-bitmap', '--buffer=64']);
      expect(readFileSync(nights.state).equals(before)).toBe(true);
      expect(nights.isEqual()).toBe(false);
      expectReadOf(1, await nights.night());
      nights.expectEqual();
    });

    test('a recheck reads everything, and verifies the file', async () => {
      const nights = new Nights(workshop, { kind: 'loop device', wiring });
      await nights.begin();
      nights.change(1);
      const both = await nights.night(['--recheck']);
      expect(both.readBytes).toBeGreaterThanOrEqual(wholeBytes);
      expect(both.phases).toMatchObject([{ phase: 'sync', writtenBytes: 4096 }, { differingBytes: 0 }]);
      const alone = await nights.night([], { mode: 'recheck' });
      expect(alone.readBytes).toBeGreaterThanOrEqual(wholeBytes);
      // A write that the kernel does not report, as on a disk that is shared with another host.
      nights.write(nights.target, 20);
      for (const [more, mode] of [
        [['--trust-target', '--recheck'], 'SYNC'],
        [[], 'SYNC'],
      ] as const) {
        const { exitCode, stderr } = await nights.run(more, { mode });
        if (more.length > 0) {
          expect(exitCode).toBe(2);
          expect(stderr).toMatch(/State file .* is wrong: 1 buffers of the target are not what it says/);
        } else {
          expect(exitCode).toBe(0);
        }
      }
      nights.expectEqual();
    });

    test('trusts a modified target if the user requests it, and finds what differs by scrubbing', async () => {
      const nights = new Nights(workshop, { kind: 'loop device', wiring });
      await nights.begin();
      nights.write(nights.target, 20);
      const trusted = await nights.night(['--trust-target']);
      expect(trusted).toMatchObject({ readBytes: 0, stateFile: { knownBuffers: 32 } });
      expect(trusted.warnings).toMatch(/is trusted as requested, although something else has written/);
      expect(nights.isEqual()).toBe(false);
      // From now on, the target counts as unmodified. Four runs compare all of it.
      const reads: number[] = [];
      for (let night = 0; night < 4; night++) {
        const { readBytes, warnings } = await nights.night(['--scrub=25']);
        reads.push(readBytes);
        expect(warnings.includes('is wrong')).toBe(night === 2);
      }
      expect(reads.map((bytes) => Math.floor(bytes / bufferBytes))).toEqual([8, 8, expect.any(Number), 8]);
      expect(reads[2]).toBeGreaterThanOrEqual(wholeBytes);
      nights.expectEqual();
    });

    test('a last buffer that is cut, a source that grows and a target that is extended', async () => {
      const nights = new Nights(workshop, { kind: 'file', wiring });
      await nights.begin();
      writeFileSync(nights.source, Buffer.alloc(3 * bufferBytes + 77, 'new'), { flag: 'a' });
      const refused = await nights.run();
      expect(refused.exitCode).toBe(2);
      expect(refused.stderr).toMatch(/is too small/);
      const grown = await nights.night(['--grow']);
      expect(grown).toMatchObject({ stateFile: { knownBuffers: 31, bufferCount: 35 } });
      nights.expectEqual();
      expect(await nights.night()).toMatchObject({ warnings: '', stateFile: { knownBuffers: 35 } });
      truncateSync(nights.source, 10 * bufferBytes + 5);
      expect(await nights.night()).toMatchObject({ warnings: '', stateFile: { knownBuffers: 10 } });
      nights.expectEqual();
    });

    test('creates the target and the file in one run', async () => {
      const nights = new Nights(workshop, { kind: 'file', wiring });
      nights.target = `${nights.backing}-new`;
      await nights.begin(['--buffer=64', '--create']);
      expect(await nights.night(['--create'])).toMatchObject({ stateFile: { knownBuffers: 32 } });
      nights.target = `${nights.backing}-newer`;
      const other = await nights.night(['--create']);
      expect(other.warnings).toMatch(/describes another target/);
      nights.expectEqual();
    });

    test('keeps what could not be read for the next run', async () => {
      const nights = new Nights(workshop, { kind: 'file', wiring });
      await nights.begin();
      nights.change(7, 8);
      const bad = { offsetBytes: 7 * bufferBytes + 40_960, lengthBytes: 4096 };
      const good = nights.source;
      const disk = await makeBadDisk('file', readFileSync(good), [bad]);
      nights.source = disk.path;
      const skipped = await nights.run(['--skip-read-errors']);
      expect(skipped.exitCode).not.toBe(0);
      nights.source = good;
      // The source of the second run has no marks that could be compared, as each source behind FUSE.
      const next = await nights.night();
      expect(next.stateFile!.knownBuffers).toBeLessThan(32);
      nights.expectEqual();
      expect(await nights.night()).toMatchObject({ stateFile: { knownBuffers: 32 } });
    });
  },
);

describe('a state file', () => {
  test.each([
    ['over a link that is cut in the middle of a PUSH', { action: 'PUSH', over: 'ssh' }],
    ['over a link that is cut in the middle of a POP', { action: 'POP', over: 'ssh' }],
  ] as const)('%s', async (_name, wiring) => {
    const nights = new Nights(workshop, { kind: 'file', wiring, bufferCount: 128 });
    await nights.begin();
    const changed = Array.from({ length: 60 }, (_, index) => 2 * index);
    nights.rewrite(...changed);
    const relay = await workshop.relay({ passingFaults: [{ kind: 'reset', afterBytes: 2_500_000 }] });
    const retrying = ['--retries=3', '--retry-wait=1', '--compress=none'];
    const night = await nights.night(retrying, { port: relay.port });
    expect(night.interruptions).toBe(1);
    nights.expectEqual();
    expect(await nights.night()).toMatchObject({ warnings: '', stateFile: { knownBuffers: 128 } });
  });

  test('determines the hash and the buffer, unless others are given', async () => {
    const nights = new Nights(workshop, { kind: 'file', wiring: push });
    await nights.begin(['--hash=sha256', '--buffer=128']);
    expect(await nights.night()).toMatchObject({ stateFile: { knownBuffers: 16, bufferCount: 16 } });
    for (const other of ['--hash=md5', '--buffer=64', '--buffer=128 --chunk=128']) {
      const { exitCode, stderr } = await nights.run(other.split(' '));
      expect({ other, exitCode, stderr }).toEqual({
        other,
        exitCode: 2,
        stderr: expect.stringMatching(
          /^basyn: State file .* holds SHA256 digests of buffers of 128 KiB .*\n$/,
        ),
      });
    }
    expect(await nights.night()).toMatchObject({ stateFile: { knownBuffers: 16 } });
    const updated = await nights.night(['--update-bitmap']);
    expect(updated.stateFile).toMatchObject({ bufferCount: 16 });
    expect(await nights.night()).toMatchObject({ stateFile: { knownBuffers: 16, bufferCount: 16 } });
    expect(await nights.night(['--update-bitmap', '--hash=md5'])).toMatchObject({ warnings: '' });
    const { stateFile } = await nights.night();
    expect(stateFile!.knownBuffers).toBe(stateFile!.bufferCount);
  });

  test.each([
    [['--update-bitmap', '--reset-bitmap'], /contradict each other/],
    [['--scrub=0'], /scrub/],
    [['--scrub=101'], /scrub/],
  ])('does not accept %s', async (more, sentence) => {
    const nights = new Nights(workshop, { kind: 'file', wiring: push });
    const { exitCode, stderr } = await nights.run(more);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringMatching(sentence) });
    expect(existsSync(nights.state)).toBe(false);
  });

  test.each(['--update-bitmap', '--reset-bitmap', '--trust-target', '--scrub=3'])(
    'is needed for %s',
    async (option) => {
      const pair = workshop.pair(4096);
      const { exitCode, stderr } = await workshop.run(push, pair, ['--mode=SYNC', option]);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr: expect.stringMatching(/^basyn: --\S+ needs --bitmap/),
      });
    },
  );

  test('is in the events of a run', async () => {
    const nights = new Nights(workshop, { kind: 'file', wiring: push });
    const events = jsonLines(await nights.run()).filter(({ type }) => type === 'state-file');
    expect(events).toEqual([
      {
        type: 'state-file',
        path: nights.state,
        bufferCount: 1,
        knownBuffers: 0,
        reason: 'it does not exist yet',
      },
    ]);
    expect(readDirectly(nights.target).length).toBe(nights.sizeBytes);
  });
});

/** Only these buffers were read: at first their blocks, then the finer steps of what differs. */
function expectReadOf(bufferCount: number, { readBytes }: Night): void {
  expect(readBytes).toBeGreaterThanOrEqual(bufferCount * bufferBytes);
  expect(readBytes).toBeLessThanOrEqual(2 * bufferCount * bufferBytes);
}
