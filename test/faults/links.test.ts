import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { RunningCommand } from '../support/command.ts';
import {
  expectFailure,
  guardPair,
  lineWith,
  MiB,
  noSuccess,
  useWorkshop,
  type Wiring,
} from '../support/fault-workshop.ts';
import { descendants } from '../support/processes.ts';
import { makeRandom } from '../support/random.ts';
import { useSshServer } from '../support/ssh/fixture.ts';

const server = useSshServer();
const workshop = useWorkshop(server);
const actions = ['PUSH', 'POP'] as const;
const verbose = ['--verbose', '--stat'];
const random = makeRandom(Number(process.env.BASYN_TEST_SEED ?? 4));

/** The processes of one run, from near to far. */
const victims = {
  'the local process': ({ pid }: RunningCommand) => pid,
  'the ssh client': ({ pid }: RunningCommand) => firstBelow(pid, 'ssh'),
  'the ssh session': () => firstBelow(server().pid, 'sshd', 'sshd-session'),
  'the remote agent': () => firstBelow(server().pid, 'node'),
};

describe('SIGKILL', () => {
  const cases = (Object.keys(victims) as (keyof typeof victims)[]).flatMap((name) =>
    actions.map((action) => [name, action] as const),
  );

  test.each(cases)('of %s in the middle of a %s', async (name, action) => {
    const wiring: Wiring = { action, over: 'ssh' };
    const pair = workshop.pair(4 * MiB);
    const check = guardPair(pair);
    // Two seconds and more, as what was made at random doesn't compress.
    const relay = await workshop.relay({ bandwidthMbit: 16 });
    const run = await workshop.start(wiring, pair, ['--mode=SYNC', ...verbose], { port: relay.port });
    await lineWith(run.child.stdout!, 'to go through');
    await sleep(random.below(1200));
    await expectKilled(run, name);
    check();
    await relay.stop();
    await workshop.expectNothingLeft(5000);
    await workshop.expectRepair({ ...wiring, over: 'here' }, pair);
  });

  test.each(Object.keys(victims).slice(1) as (keyof typeof victims)[])(
    'of %s while it starts',
    async (name) => {
      const wiring: Wiring = { action: 'PUSH', over: 'ssh' };
      const pair = workshop.pair(4 * MiB);
      const check = guardPair(pair);
      const relay = await workshop.relay({ bandwidthMbit: 16 });
      const run = await workshop.start(wiring, pair, ['--mode=COPY', ...verbose], { port: relay.port });
      await expectKilled(run, name);
      check();
    },
  );

  async function expectKilled(run: RunningCommand, name: keyof typeof victims): Promise<void> {
    let pid = victims[name](run);
    for (; pid === undefined; pid = victims[name](run)) await sleep(5);
    process.kill(pid, 'SIGKILL');
    const result = await run.result;
    if (name !== 'the local process') expectFailure(result, { withinMs: 12_000 });
    else expect(result).toMatchObject({ exitCode: null, signal: 'SIGKILL', stdout: noSuccess });
  }
});

describe('a link that is cut', () => {
  test.each([
    [2000, 'PUSH'],
    [30_000, 'POP'],
    [100_000, 'PUSH'],
    [1_000_000, 'POP'],
    [1_000_000, 'PUSH'],
    [3_500_000, 'POP'],
  ] as const)('after %d bytes of a %s', async (cutAfterBytes, action) => {
    const wiring: Wiring = { action, over: 'ssh' };
    const pair = workshop.pair(4 * MiB);
    const check = guardPair(pair);
    const relay = await workshop.relay({ cutAfterBytes });
    const options = ['--mode=SYNC', '--compress=none', ...verbose];
    expectFailure(await workshop.run(wiring, pair, options, { port: relay.port }));
    check();
    await workshop.expectRepair({ ...wiring, over: 'here' }, pair);
  });
});

describe('a link that is stalled', () => {
  test.each(actions)('in the middle of a %s: ends on both sides by --timeout', async (action) => {
    const wiring: Wiring = { action, over: 'ssh' };
    const pair = workshop.pair(4 * MiB);
    const check = guardPair(pair);
    const relay = await workshop.relay({ stallAfterBytes: 2_000_000 });
    const options = ['--mode=SYNC', '--compress=none', '--timeout=2', ...verbose];
    const result = await workshop.run(wiring, pair, options, { port: relay.port });
    expect(expectFailure(result, { withinMs: 8000 })).toContain(
      'Nothing came from the other side for 2 seconds (--timeout)',
    );
    // The agent too has ended by itself, although its session is still there.
    await expect.poll(victims['the remote agent'], { timeout: 6000 }).toBeUndefined();
    expect(victims['the ssh session']()).toBeDefined();
    check();
    await relay.stop();
    await workshop.expectRepair({ ...wiring, over: 'here' }, pair);
  });
});

describe('an agent', () => {
  test('ends by itself when its link ends in the middle of a write', async () => {
    const pair = workshop.pair(8 * MiB);
    const run = await workshop.start({ action: 'PUSH', over: 'ssh' }, pair, ['--mode=COPY', '--verbose']);
    await lineWith(run.child.stdout!, 'to go through');
    process.kill(victims['the ssh client'](run)!, 'SIGKILL');
    expectFailure(await run.result);
    await workshop.expectNothingLeft(3000);
  });

  test('that gets no more memory ends the run', async () => {
    const wiring: Wiring = { action: 'PUSH', over: 'ssh' };
    const pair = workshop.pair(4 * MiB);
    const limited = '--remote-node=node --max-semi-space-size=1 --max-old-space-size=3';
    const result = await workshop.run(wiring, pair, ['--mode=SYNC', limited, ...verbose]);
    expect(result).toMatchObject({ exitCode: 2, deadlineExceeded: false, stdout: noSuccess });
    expect(result.stderr.split('\n').filter((line) => line.startsWith('basyn: '))).toHaveLength(1);
    await workshop.expectRepair({ ...wiring, over: 'here' }, pair);
  });
});

/** The first process below one that runs one of these programs; `ssh -G` only asks for ssh's own configuration. */
function firstBelow(pid: number, ...programs: string[]): number | undefined {
  return descendants(pid).find(
    (info) => programs.includes(programOf(info.pid)) && !info.name.startsWith('ssh -G'),
  )?.pid;
}

function programOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    // It has ended in the meantime.
    return '';
  }
}
