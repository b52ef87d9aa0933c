import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { rmSync, truncateSync } from 'node:fs';
import { filesEqual } from '../../rig/images/images.ts';
import { lineWith } from '../../rig/processes/command.ts';
import { descendants } from '../../rig/processes/processes.ts';
import { makeRandom } from '../../rig/images/random.ts';
import type { PassingFault } from '../../rig/relay/relay-link.ts';
import type { RunReport } from '../../src/report.ts';
import { jsonLines, jsonPhases } from '../support/basyn.ts';
import { guardPair, MiB, useWorkshop, type Wiring } from '../support/fault-workshop.ts';
import { caseCount, casesOf, fewCases } from '../support/lab-cases.ts';
import { mediaEqual } from '../support/medium.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const workshop = useWorkshop(server);
const retrying = ['--retries=3', '--retry-wait=1', '--compress=none', '--json'];

describe('a link that is cut once', () => {
  test.each([
    ['PUSH', 'SYNC'],
    ['POP', 'COPY'],
  ] as const)('does not end a %s in mode %s with retries', async (action, mode) => {
    const wiring: Wiring = { action, over: 'ssh' };
    const pair = workshop.pair(4 * MiB);
    const check = guardPair(pair);
    const relay = await workshop.relay({ passingFaults: [{ kind: 'reset', afterBytes: 2_000_000 }] });
    const options = [`--mode=${mode}`, '--recheck', '--debug', ...retrying];
    const result = await workshop.run(wiring, pair, options, { port: relay.port });
    expect(result).toMatchObject({ exitCode: 0 });
    expect(filesEqual(pair.source, pair.target, pair.sizeBytes)).toBe(true);
    expect(jsonLines(result).filter(({ type }) => type === 'attempt')).toEqual([
      expect.objectContaining({ attempt: 2, waitMs: 1000 }),
    ]);
    // No user is asked for a password in the middle of a run.
    const starts = result.stderr.split('\n').filter((line) => /running: ssh .*BASYN/.test(line));
    // The options of the tests contain it as well.
    expect(starts.map((line) => line.split('BatchMode=yes').length - 1)).toEqual([1, 2]);
    check();
  });
});

describe('a host that cannot be used', () => {
  const push: Wiring = { action: 'PUSH', over: 'ssh' };

  test('because it refuses connections is tried again as often as allowed', async () => {
    // Nothing listens on this port of the loopback.
    const options = ['--mode=SYNC', '--retries=2', '--retry-wait=1', '--json'];
    const result = await workshop.run(push, workshop.pair(MiB), options, { port: 1 });
    expect(result.exitCode).toBe(2);
    expect(jsonLines(result).map(({ type }) => type)).toEqual(['attempt', 'attempt', 'error']);
    expect(jsonLines(result).at(-1)).toMatchObject({ code: 'connection', retryable: true });
  });

  test('because it does not let the user in is not tried again', async () => {
    const options = [
      '--mode=SYNC',
      ...retrying,
      '--ssh-option=PubkeyAuthentication=no',
      '--ssh-option=BatchMode=yes',
    ];
    const result = await workshop.run(push, workshop.pair(MiB), options);
    expect(result.exitCode).toBe(2);
    expect(jsonLines(result).map(({ type }) => type)).toEqual(['error']);
    expect(result.stderr).toContain('Permission denied');
  });

  test('because its name is unknown is not tried again', async () => {
    const words = workshop.arguments(push, workshop.pair(MiB), ['--mode=SYNC', ...retrying]);
    const unknown = words.map((word) => (word.startsWith('--host=') ? '--host=nowhere.invalid' : word));
    const result = await workshop.command(unknown);
    expect(result.exitCode).toBe(2);
    expect(jsonLines(result).map(({ type }) => type)).toEqual(['error']);
  });
});

test('an agent whose link carries nothing more is ended by the next attempt, which needs its device', async () => {
  const pair = workshop.pair(4 * MiB);
  const relay = await workshop.relay({ passingFaults: [{ kind: 'silence', afterBytes: 2_000_000 }] });
  // Only the ssh here notices the silence soon. The agent would wait for two minutes.
  const alive = ['--ssh-option=ServerAliveInterval=1', '--ssh-option=ServerAliveCountMax=2', '--timeout=120'];
  const options = ['--mode=COPY', ...retrying, ...alive];
  const result = await workshop.run({ action: 'PUSH', over: 'ssh' }, pair, options, { port: relay.port });
  expect(result).toMatchObject({ exitCode: 0 });
  expect(result.wallMs).toBeLessThan(25_000);
  expect(filesEqual(pair.source, pair.target, pair.sizeBytes)).toBe(true);
});

test('an attempt continues behind the last checkpoint, and the report counts all attempts together', async () => {
  const pair = workshop.pair(96 * MiB);
  const faults = [{ kind: 'reset', afterBytes: 75_000_000 }] as const;
  // About four seconds, with a checkpoint each second. The first one covers what is accepted for sending at once.
  const relay = await workshop.relay({ bandwidthMbit: 200, passingFaults: faults });
  const options = ['--mode=COPY', ...retrying];
  const result = await workshop.run({ action: 'PUSH', over: 'ssh' }, pair, options, { port: relay.port });
  expect(result).toMatchObject({ exitCode: 0 });
  expect(filesEqual(pair.source, pair.target, pair.sizeBytes)).toBe(true);
  const [attempt] = jsonLines(result).filter(({ type }) => type === 'attempt');
  expect(attempt).toMatchObject({ attempt: 2, phase: 'copy' });
  expect(attempt!.fromBytes).toBeGreaterThan(8 * MiB);
  const whole = { offsetBytes: 0, lengthBytes: pair.sizeBytes };
  expect(jsonPhases(result)).toEqual([
    expect.objectContaining({
      writtenBytes: pair.sizeBytes,
      differingBytes: pair.sizeBytes,
      differingRangeCount: 1,
      differingRanges: [whole],
    }),
  ]);
  const { traffic, interruptions } = jsonLines(result).at(-1) as unknown as RunReport;
  expect(interruptions).toHaveLength(1);
  expect(interruptions![0]!.lostBytes).toBeLessThan(70 * MiB);
  expect(traffic.transmittedBytes).toBeLessThan(pair.sizeBytes + interruptions![0]!.lostBytes + 4 * MiB);
});

const slowRuns = [
  ['PUSH', 'SYNC'],
  ['POP', 'SYNC'],
  ['PUSH', 'COPY'],
  ['POP', 'COPY'],
] as const;
test.each(casesOf(slowRuns, ([action, mode]) => action === 'POP' && mode === 'COPY'))(
  'a slow link that is cut again and again carries a %s in mode %s to its end',
  async (action, mode) => {
    // In memory, a flush does not outlast an attempt.
    const pair = workshop.pair(16 * MiB, 'different', scratchDirectory(memoryDirectory));
    // Each attempt has about a second, and sends less than a run reads ahead. Retries count attempts without progress.
    const cut = { kind: 'reset', afterBytes: 7_500_000 } as const;
    const relay = await workshop.relay({
      bandwidthMbit: 50,
      passingFaults: Array<PassingFault>(20).fill(cut),
    });
    const options = [`--mode=${mode}`, '--retries=1', '--retry-wait=1', '--compress=none', '--json'];
    const result = await workshop.run({ action, over: 'ssh' }, pair, options, { port: relay.port });
    expect(result).toMatchObject({ exitCode: 0 });
    expect(filesEqual(pair.source, pair.target, pair.sizeBytes)).toBe(true);
    const places = jsonLines(result).flatMap(({ fromBytes }) => (fromBytes === undefined ? [] : [fromBytes]));
    expect(places.length).toBeGreaterThan(1);
    expect(places).toEqual([...new Set(places as number[])].sort((a, b) => a - b));
  },
);

test.each([
  { change: 'becomes shorter', option: '--grow', problem: /is too small/ },
  { change: 'vanishes', option: '--create', problem: /does not exist/ },
])(
  'a target that $change between two attempts ends the run, also with $option, which is not recommended',
  async ({ option, problem }) => {
    const pair = workshop.pair(48 * MiB);
    if (option === '--grow') truncateSync(pair.target, MiB);
    else rmSync(pair.target);
    const faults = [{ kind: 'reset', afterBytes: 40_000_000 }] as const;
    const relay = await workshop.relay({ bandwidthMbit: 100, passingFaults: faults });
    const options = ['--mode=COPY', option, ...retrying];
    const run = await workshop.start({ action: 'PUSH', over: 'ssh' }, pair, options, { port: relay.port });
    await lineWith(run.child.stdout!, '"attempt"');
    if (option === '--grow') truncateSync(pair.target, MiB);
    else rmSync(pair.target);
    const { exitCode, stderr } = await run.result;
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(problem);
    expect(stderr).toContain('In an earlier attempt, it was there and large enough.');
    expect(stderr).not.toContain(`add ${option}`);
  },
);

/** The bytes of a run of this size, with its start: a fault may hit anything from the handshake to the end. */
const runBytes = 13_000_000;

describe('a link that fails at any point', () => {
  // The end of this host ends all runs to it.
  const endingServer = useSshServer();
  const endingWorkshop = useWorkshop(endingServer);
  const groupLength = 5;
  const groups = Array.from({ length: caseCount(200, 10) / groupLength }, (_, group) =>
    Array.from({ length: groupLength }, (_each, index) => group * groupLength + index),
  );

  // The runs of a group take place at once, because they wait most of the time. The host of one of them ends.
  test.each(groups.map((group) => ({ group, seeds: group.join(', ') })))(
    'never ends a run with a wrong target and success: seeds $seeds',
    { timeout: 240_000 },
    async ({ group }) => {
      await Promise.all(group.map((seed) => runThroughFaults(seed)));
    },
  );

  async function runThroughFaults(seed: number): Promise<void> {
    const endsHost = seed % groupLength === 0;
    const place = endsHost ? endingWorkshop : workshop;
    const random = makeRandom(seed + 1);
    const wiring: Wiring = { action: seed % 2 === 0 ? 'PUSH' : 'POP', over: 'ssh' };
    const pair = place.pair(12 * MiB);
    const check = guardPair(pair);
    const passingFaults = Array.from({ length: 1 + random.below(3) }, (): PassingFault => {
      const kind = random.below(4) === 0 ? 'silence' : 'reset';
      return { kind, afterBytes: 1 + random.below(random.below(3) === 0 ? 1_000_000 : runBytes) };
    });
    // With a long round trip, further lanes are opened.
    const delayMs = seed % 3 === 0 ? 10 : 0;
    const relay = await place.relay({ delayMs, bandwidthMbit: 50, passingFaults });
    const mode = ['COPY', 'SYNC', 'SYNC'][seed % 3]!;
    // A machine that is busy for hours with all seeds must not look like a link that is silent.
    const timeout = `--timeout=${caseCount(200) > fewCases ? 10 : 3}`;
    const more = [`--mode=${mode}`, ...(seed % 4 < 2 ? ['--recheck'] : []), timeout, ...retrying];
    const run = await place.start(wiring, pair, more, { port: relay.port, deadlineMs: 150_000 });
    if (endsHost) void reboot(random.below(3000));
    const result = await run.result;
    expect(result.stderr).not.toMatch(/internal|protocol/i);
    expect([0, 2]).toContain(result.exitCode);
    if (result.exitCode === 0) expect(mediaEqual(pair.source, pair.target, pair.sizeBytes)).toBe(true);
    // All faults pass, so fewer attempts fail in a row than are allowed, unless each is hit before a checkpoint.
    if (passingFaults.length < 3 && !endsHost) expect(result.exitCode, result.stderr).toBe(0);
    check();
  }

  /** Kills the sessions of the server, and everything in them, as the end of a host does. */
  async function reboot(afterMs: number): Promise<void> {
    await sleep(afterMs);
    for (const { pid } of descendants(endingServer().pid)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }
});
