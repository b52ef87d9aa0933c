import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  lineWith,
  startCommand,
  type CommandResult,
  type RunningCommand,
} from '../../rig/processes/command.ts';
import {
  expectFailure,
  guardPair,
  MiB,
  noSuccess,
  useWorkshop,
  type Wiring,
} from '../support/fault-workshop.ts';
import { descendants } from '../../rig/processes/processes.ts';
import { makeRandom } from '../../rig/images/random.ts';
import { casesOf } from '../support/lab-cases.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { environmentWithSsh } from '../support/ssh-script.ts';

const server = useSshServer();
const workshop = useWorkshop(server);
const actions = ['PUSH', 'POP'] as const;
const push: Wiring = { action: 'PUSH', over: 'ssh' };
const verbose = ['--verbose', '--stat'];
const random = makeRandom(Number(process.env.BASYN_TEST_SEED ?? 4));

/** Every write takes half a second: the run is far from its end when the line about its start is read. */
const slowWrites =
  '--remote-node=strace -f -qq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:delay_enter=500000 node';

/** The processes of one run, from near to far. */
const victims = {
  'the local process': ({ pid }: RunningCommand) => pid,
  'the ssh client': ({ pid }: RunningCommand) => firstBelow(pid, /^ssh (?!-G )/),
  'the ssh session': () => firstBelow(server().pid, /^(\S*\/)?sshd/),
  'the remote agent': () => firstBelow(server().pid, /^node /),
};
type Victim = keyof typeof victims;

describe('SIGKILL', () => {
  const names = Object.keys(victims) as Victim[];
  const all = names.flatMap((name) => actions.map((action) => [name, action] as const));
  /** The others run in the laboratory. */
  const cases = casesOf(all, ([name, action]) => (action === 'PUSH') === name.startsWith('the ssh'));

  test.each(cases)('of %s in the middle of a %s', async (name, action) => {
    const wiring: Wiring = { action, over: 'ssh' };
    const pair = workshop.pair(4 * MiB);
    const check = guardPair(pair);
    // This takes at least two seconds, because random data does not compress.
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

  test.each(names.slice(1))('of %s while it starts', async (name) => {
    const wiring: Wiring = { action: 'PUSH', over: 'ssh' };
    const pair = workshop.pair(4 * MiB);
    const check = guardPair(pair);
    const relay = await workshop.relay({ bandwidthMbit: 16 });
    const run = await workshop.start(wiring, pair, ['--mode=COPY', ...verbose], { port: relay.port });
    await expectKilled(run, name);
    check();
  });

  test('of the ssh that prints its configuration', async () => {
    const pair = workshop.pair(MiB);
    const check = guardPair(pair);
    const env = environmentWithSsh('[ "$1" != -G ] || kill -KILL $$', 'exec ssh "$@"');
    expect(expectFailure(await workshop.run(push, pair, ['--mode=COPY', ...verbose], { env }))).toBe(
      "basyn: Can't start on 127.0.0.1: ssh was ended by SIGKILL when it was asked for its configuration.",
    );
    check();
  });

  test('of the local process, although the remote command never ends: no ssh and no control socket is left', async () => {
    const temporary = scratchDirectory();
    // ssh would wait for it, whether or not its own stderr has a reader.
    const options = ['--mode=COPY', '--remote-node=yes >&2; node'];
    const run = await workshop.start(push, workshop.pair(MiB), options, { env: { TMPDIR: temporary } });
    await expect.poll(() => firstBelow(server().pid, /^yes$/), { timeout: 10_000 }).toBeDefined();
    process.kill(run.pid, 'SIGKILL');
    await run.result;
    await workshop.expectNothingLeft(6000);
    expect(readdirSync(temporary)).toEqual([]);
  });

  async function expectKilled(run: RunningCommand, name: Victim): Promise<void> {
    let ended: CommandResult | undefined;
    void run.result.then((result) => (ended = result));
    let pid = victims[name](run);
    for (; pid === undefined; pid = victims[name](run)) {
      expect(ended, 'it ended before it could be killed').toBeUndefined();
      await sleep(5);
    }
    process.kill(pid, 'SIGKILL');
    const result = await run.result;
    if (name !== 'the local process') expectFailure(result, { withinMs: 12_000 });
    else expect(result).toMatchObject({ exitCode: null, signal: 'SIGKILL', stdout: noSuccess });
  }
});

describe('a ProxyCommand that outlives ssh', () => {
  test('does not keep a successful run from ending', async () => {
    await besideProxy(async (proxy) => {
      const result = await workshop.run(push, workshop.pair(MiB), ['--mode=COPY', proxy]);
      expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    });
  });

  test('does not keep a run from ending if ssh is killed', async () => {
    await besideProxy(async (proxy) => {
      const options = ['--mode=COPY', '--verbose', proxy, slowWrites];
      const run = await workshop.start(push, workshop.pair(8 * MiB), options);
      await lineWith(run.child.stdout!, 'to go through');
      process.kill(victims['the ssh client'](run)!, 'SIGKILL');
      expect(expectFailure(await run.result)).toContain('(ssh to 127.0.0.1 was ended by SIGKILL)');
    });
  });

  /** It inherits the stderr of ssh and of Basyn, and does not end with the connection. */
  async function besideProxy(test: (option: string) => Promise<void>): Promise<void> {
    const pid = workshop.path('proxy');
    const script = [
      'trap "" HUP TERM',
      `echo $$ > ${pid}`,
      `exec 3<> /dev/tcp/127.0.0.1/${server().port}`,
      // If the connection has ended, the first `cat` has ended by itself.
      '{ cat <&3 & cat >&3; kill -KILL $! 2> /dev/null; exec 3>&-; }',
      'exec sleep 600',
    ];
    try {
      await test(`--ssh-option=ProxyCommand=bash -c '${script.join('; ')}'`);
    } finally {
      process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL');
    }
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
  test.each(casesOf(actions, (action) => action === 'POP'))(
    'in the middle of a %s: ends the run on both sides by --timeout',
    async (action) => {
      const wiring: Wiring = { action, over: 'ssh' };
      const pair = workshop.pair(4 * MiB);
      const check = guardPair(pair);
      const relay = await workshop.relay({ stallAfterBytes: 2_000_000 });
      const options = ['--mode=SYNC', '--compress=none', '--timeout=5', ...verbose];
      const result = await workshop.run(wiring, pair, options, { port: relay.port });
      const sentence = expectFailure(result, { withinMs: 12_000 });
      expect(sentence).toContain('The peer sent nothing for 5 seconds');
      expect(sentence).toContain('. If the host or the link is only slow, raise --timeout.');
      // The agent has also ended by itself, although its session still exists.
      await expect.poll(victims['the remote agent'], { timeout: 9000 }).toBeUndefined();
      expect(victims['the ssh session']()).toBeDefined();
      check();
      await relay.stop();
      await workshop.expectRepair({ ...wiring, over: 'here' }, pair);
    },
  );
});

describe('a host that does not answer', () => {
  // A developer's shell has a terminal and possibly windows, in which ssh could ask. A test cannot answer.
  const unattended = {
    prefix: ['setsid'],
    env: { DISPLAY: undefined, WAYLAND_DISPLAY: undefined, SSH_ASKPASS_REQUIRE: undefined },
  };
  const options = ['--mode=SYNC', '--timeout=2', ...verbose];
  const sentence =
    "basyn: Can't start on 127.0.0.1: node there did not answer within 2 seconds; " +
    'the host or the link to it hangs. If the host or the link is only slow, raise --timeout.';

  test.each([
    [100, 'PUSH'],
    [3000, 'POP'],
  ] as const)(
    'because the link stalls after %d bytes of a %s: ends the run by --timeout, without a terminal',
    async (bytes, action) => {
      const pair = workshop.pair(MiB);
      const { port } = await workshop.relay({ stallAfterBytes: bytes });
      const result = await workshop.run({ action, over: 'ssh' }, pair, options, { ...unattended, port });
      expect(expectFailure(result, { withinMs: 6000 })).toBe(sentence);
      expect(result.wallMs).toBeGreaterThan(2000);
    },
  );

  test('because the command that starts node hangs: ends the run by --timeout, without a terminal', async () => {
    const slow = '--remote-node=cat > /dev/null; node';
    const more = [...options, slow];
    const result = await workshop.run(push, workshop.pair(MiB), more, unattended);
    expect(expectFailure(result, { withinMs: 6000 })).toBe(sentence);
    await workshop.expectNothingLeft(3000);
  });

  test('because ssh is a script whose own processes hang: ends the run by --timeout, without a terminal', async () => {
    const pid = workshop.path('hanging');
    const env = {
      ...unattended.env,
      ...environmentWithSsh('[ "$1" != -G ] || exit 255', 'sleep 600 &', `echo $! > ${pid}`, 'wait'),
    };
    try {
      const result = await workshop.run(push, workshop.pair(MiB), options, { ...unattended, env });
      expect(expectFailure(result)).toBe(sentence);
    } finally {
      process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL');
    }
  });

  test('is waited for longer at a terminal, because a user may have to type a password', async () => {
    const relay = await workshop.relay({ stallAfterBytes: 3000 });
    const words = workshop.arguments(push, workshop.pair(MiB), ['--mode=SYNC', '--timeout=1'], relay.port);
    const line = [process.execPath, workshop.script, ...words].map((word) => `'${word}'`).join(' ');
    const run = await startCommand('script', ['--quiet', '--return', '--command', line, '/dev/null']);
    await sleep(4000);
    expect(run.child.exitCode).toBeNull();
    await relay.stop();
    const { exitCode, stdout } = await run.result;
    expect({ exitCode, stdout }).toEqual({
      exitCode: 2,
      stdout: expect.stringMatching(/^basyn: Can't start on 127\.0\.0\.1: .*\.\r\n$/),
    });
  });
});

describe('an agent', () => {
  test('ends by itself when its link ends in the middle of a write', async () => {
    const pair = workshop.pair(8 * MiB);
    const run = await workshop.start(push, pair, ['--mode=COPY', '--verbose', slowWrites]);
    await lineWith(run.child.stdout!, 'to go through');
    process.kill(victims['the ssh client'](run)!, 'SIGKILL');
    expectFailure(await run.result);
    await workshop.expectNothingLeft(3000);
  });

  test('that runs out of memory ends the run', async () => {
    const wiring: Wiring = { action: 'PUSH', over: 'ssh' };
    const pair = workshop.pair(4 * MiB);
    const limited = '--remote-node=node --max-semi-space-size=1 --max-old-space-size=3';
    const result = await workshop.run(wiring, pair, ['--mode=SYNC', limited, ...verbose]);
    expect(result).toMatchObject({ exitCode: 2, deadlineExceeded: false, stdout: noSuccess });
    expect(result.stderr.split('\n').filter((line) => line.startsWith('basyn: '))).toHaveLength(1);
    await workshop.expectRepair({ ...wiring, over: 'here' }, pair);
  });
});

/** The first process below one whose command line is like this; a process that is just being started has none. */
function firstBelow(pid: number, commandLine: RegExp): number | undefined {
  return descendants(pid).find(({ name }) => commandLine.test(name))?.pid;
}
