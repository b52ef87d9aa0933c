import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Behaviour } from '../support/fake-peer.ts';
import { virtualPlugin } from '../../scripts/bundle.ts';
import { lineWith } from '../../rig/processes/command.ts';
import { expectFailure, guardPair, MiB, useWorkshop, type Wiring } from '../support/fault-workshop.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const workshop = useWorkshop(server);
const push: Wiring = { action: 'PUSH', over: 'ssh' };
const pop: Wiring = { action: 'POP', over: 'ssh' };

beforeAll(async () => {
  await build({
    entryPoints: ['test/support/fake-peer.ts'],
    bundle: true,
    platform: 'node',
    plugins: [virtualPlugin],
    format: 'esm',
    outfile: workshop.path('fake-peer.mjs'),
  });
});

function fake(behaviour: Behaviour, sizeBytes: number): string {
  return `--remote-node=node ${workshop.path('fake-peer.mjs')} '${behaviour}' ${sizeBytes}`;
}

describe('a peer that answers garbage', () => {
  test.each<[Behaviour, Wiring, RegExp]>([
    ['random bytes', push, /sent something that is not a frame of Basyn/],
    ['random bytes in a frame', pop, /sent "digests" where it is not allowed|past 2\^53/],
    ['half a header, then the end', push, /ended in the middle of a message/],
    ['half a header, then silence', pop, /The peer sent nothing for 3 seconds/],
    ['a huge length', push, /announced a frame of 4294967295 bytes; the limit is/],
    ['an unknown type', pop, /sent a frame of type 99/],
    ['the end at once', push, /closed the connection/],
    ['data past the end', pop, /sent data past the \d+ bytes of the run/],
    ['more than was announced', pop, /sent more data than it announced/],
    ['less than was announced', pop, /announced 1 bytes of data and sent 0/],
    ['confirmation of too little payload', push, /all data, but not all of the payload/],
    ['a payload that does not decompress', pop, /can't be decompressed \(zlib\)/],
    ['a bomb', pop, /A data frame contains \d+ bytes instead of the announced \d+/],
    ['finished before anything was sent', push, /sent "finished" where it is not allowed/],
    ['finished with too few bytes', push, /The target wrote 1 of the \d+ bytes that it was sent/],
    ['more written than was sent', push, /confirmed more data than it was sent/],
  ])('%s', async (behaviour, wiring, sentence) => {
    const pair = workshop.pair(2 * MiB);
    const check = guardPair(pair);
    const result = await workshop.run(wiring, pair, [
      '--mode=COPY',
      '--verbose',
      '--stat',
      '--timeout=3',
      fake(behaviour, pair.sizeBytes),
    ]);
    expect(expectFailure(result, { withinMs: 12_000 })).toMatch(sentence);
    check();
  });

  test('no answer to pings, to data or to the end: is not waited for endlessly', async () => {
    const stalled = /answers pings, but has made no progress for 20 seconds/;
    const cases: readonly [Behaviour, RegExp][] = [
      ['no answer to pings', /has not answered pings for 2 seconds/],
      ['no confirmation of data', stalled],
      ['no answer to the end', stalled],
    ];
    // At once, because they wait.
    const results = cases.map(([behaviour]) => {
      const pair = workshop.pair(2 * MiB);
      const options = ['--mode=COPY', '--verbose', '--timeout=2', fake(behaviour, pair.sizeBytes)];
      return workshop.run(push, pair, options);
    });
    for (const [index, [behaviour, sentence]] of cases.entries()) {
      expect(expectFailure(await results[index]!, { withinMs: 29_000 }), behaviour).toMatch(sentence);
    }
  });

  test('endless pings: does not take more memory over time, and a signal ends it', async () => {
    const pair = workshop.pair(MiB);
    const run = await workshop.start(push, pair, ['--mode=SYNC', fake('endless pings', pair.sizeBytes)]);
    try {
      // The heap grows to its working size at first. Memory that accumulates would grow without end.
      const grownBytes = async (): Promise<number> => {
        const earlyBytes = rssOf(run.pid);
        await sleep(2500);
        return rssOf(run.pid) - earlyBytes;
      };
      await lineWith(run.child.stderr!, 'the flood begins');
      await expect.poll(grownBytes, { timeout: 20_000 }).toBeLessThan(32 * MiB);
    } finally {
      process.kill(run.pid, 'SIGTERM');
    }
    expect(await run.result).toMatchObject({ exitCode: 2, signal: null, deadlineExceeded: false });
  });
});

describe('control sequences', () => {
  test('are made visible in text from a peer', async () => {
    const pair = workshop.pair(MiB);
    const failure = await workshop.run(push, pair, ['--mode=SYNC', '--debug', fake('terminal escapes', 0)]);
    expect(failure.exitCode).toBe(2);
    expect(failure.stderr).toContain(
      '\\x1b]0;owned\\x07 read \\x1b[2J\\x0d\\x0a\\x9b31m\\u202ethe disk\\u2028',
    );
    expectSafe(failure.stdout + failure.stderr);

    const more = [
      '--mode=SYNC',
      '--verbose',
      '--progress',
      fake('terminal escapes in a warning', pair.sizeBytes),
    ];
    const warning = await workshop.run(push, pair, more);
    expect(warning.stderr).toContain('basyn: warning: \\x1b[31mred\\x1b[0m\\x0anew line');
    expectSafe(warning.stdout + warning.stderr);

    const json = await workshop.run(push, pair, ['--mode=SYNC', '--json', fake('terminal escapes', 0)]);
    expectSafe(json.stdout + json.stderr);
    for (const line of json.stdout.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
  });

  test('are made visible in text from a remote shell', async () => {
    const pair = workshop.pair(MiB);
    const shout = String.raw`printf "\033]0;owned\007\033[31mMOTD\r\n" >&2;`;
    const { exitCode, stdout, stderr } = await workshop.run(push, pair, [
      '--mode=SYNC',
      `--remote-node=${shout} node`,
    ]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr).toContain('remote: \\x1b]0;owned\\x07\\x1b[31mMOTD');
    expectSafe(stderr);

    const noise = String.raw`printf "\033[31mWelcome\n";`;
    const noisy = await workshop.run(push, pair, ['--mode=SYNC', `--remote-node=${noise} node`]);
    expect(expectFailure(noisy)).toContain('Welcome');
  });

  test.each([push, pop, { action: 'PUSH', over: 'here' } as const])(
    'are made visible in a path ($action $over)',
    async (wiring) => {
      const path = workshop.path('no\u001b[31m\r\nsuch\u0007');
      const result = await workshop.run(wiring, { source: path, target: path, sizeBytes: 0 }, [
        '--mode=SYNC',
        '--verbose',
      ]);
      expect(expectFailure(result)).toContain('no\\x1b[31m\\x0d\\x0asuch\\x07 does not exist');
    },
  );
});

function expectSafe(text: string): void {
  // eslint-disable-next-line no-control-regex
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u2028]/);
}

function rssOf(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return Number(kibibytes) * 1024;
}
