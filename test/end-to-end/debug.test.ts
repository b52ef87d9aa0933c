import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type * as Library from '../../src/index.ts';
import { hostOptions, jsonLines, linesOf, useBasyn } from '../support/basyn.ts';
import { expectSynchronised, makePair, runOptions, type DiskPair } from '../support/disks.ts';
import { isRoot } from '../support/loop-device.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
const debugLine = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z debug: (.*)$/;

/** What `--debug` printed, without the times. */
function traceOf(stderr: string): string[] {
  return linesOf(stderr).flatMap((line) => debugLine.exec(line)?.[1] ?? []);
}

/** The sum of the sizes of all messages in one direction, from the trace. */
function tracedBytes(trace: readonly string[], direction: 'sent' | 'received'): number {
  const pattern = new RegExp(`^lane 1 ${direction} \\w+, (\\d+) bytes`);
  return trace.reduce((sum, line) => sum + Number(pattern.exec(line)?.[1] ?? 0), 0);
}

describe('--debug over ssh', () => {
  test.each(['PUSH', 'POP'] as const)(
    'traces every message of a %s, with its size and lane',
    async (action) => {
      const run = async (pair: DiskPair): Promise<{ trace: string[]; untraced: Record<string, number> }> => {
        const args = [
          ...runOptions(action, 'SYNC', pair),
          ...hostOptions(server()),
          '--lanes=1',
          '--debug',
          '--json',
        ];
        const result = await basyn.run(args);
        expect(result.exitCode).toBe(0);
        expectSynchronised(pair);
        const { traffic } = jsonLines(result).at(-1) as unknown as Library.RunReport;
        const trace = traceOf(result.stderr);
        const untraced = {
          sent: traffic.transmittedBytes - tracedBytes(trace, 'sent'),
          received: traffic.receivedBytes - tracedBytes(trace, 'received'),
        };
        return { trace, untraced };
      };
      const first = await run(makePair());
      const second = await run(makePair({ changes: [{ at: 5, lengthBytes: 900_000 }] }));
      // Only the agent's program and its banner are not messages.
      expect(second.untraced).toEqual(first.untraced);
      expect(first.untraced.received).toBe(`BASYN 1 ${process.versions.node}\n`.length);
      const source = action === 'PUSH' ? ['sent', 'received'] : ['received', 'sent'];
      expect(first.trace).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/^lane 1 sent open, \d+ bytes: agent is (source|target), phases sync$/),
          expect.stringMatching(/^lane 1 received opened, \d+ bytes: regular file of \d+ bytes$/),
          expect.stringMatching(
            /^lane 1 sent begin, \d+ bytes: sync of 3000017 bytes, window of \d+ buffers$/,
          ),
          expect.stringMatching(
            new RegExp(
              `^lane 1 ${source[0]} data, \\d+ bytes: \\d+ device bytes in \\d+ extents from offset \\d+, `,
            ),
          ),
          expect.stringMatching(
            new RegExp(`^lane 1 ${source[1]} written, 36 bytes: \\d+ device bytes, \\d+ bytes of`),
          ),
          'lane 1 sent bye, 20 bytes',
          expect.stringMatching(/^lane 1 received closed, \d+ bytes: 0 warnings$/),
        ]),
      );
    },
  );

  test('traces decisions', async () => {
    const pair = makePair();
    const args = [...runOptions('PUSH', 'SYNC', pair), ...hostOptions(server()), '--debug'];
    const trace = traceOf((await basyn.run(args)).stderr);
    const decisions = trace.filter((line) => line.startsWith('decision: '));
    expect(decisions).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^decision: up to \d+ threads$/),
        `decision: local file ${pair.source} is read through the page cache`,
        expect.stringMatching(/^decision: a round trip of \d+\.\d ms is (short|long)$/),
        expect.stringMatching(/^decision: sync reads the source cached, the target (direct|cached)$/),
        expect.stringMatching(
          /^decision: compression (none|zstd level 1); throughput of the link: not measured yet$/,
        ),
      ]),
    );
  });

  test('traces the decisions of the agent, which compresses in a POP', async () => {
    const pair = makePair();
    const args = [...runOptions('POP', 'SYNC', pair), ...hostOptions(server()), '--debug'];
    const trace = traceOf((await basyn.run(args)).stderr);
    expect(trace.filter((line) => line.startsWith('remote '))).toEqual(
      expect.arrayContaining([
        `remote decision: remote file ${pair.source} is read through the page cache`,
        expect.stringMatching(
          /^remote decision: compression (none|zstd level 1); throughput of the link: not measured yet$/,
        ),
      ]),
    );
  });

  test('traces every ssh command line in a form that a shell can run again, and no secret', async () => {
    const pair = makePair();
    const log = join(scratchDirectory(), 'log');
    const odd = "ProxyCommand=none # it's";
    const args = [
      ...runOptions('PUSH', 'SYNC', pair),
      ...hostOptions(server()),
      '--debug',
      `--ssh-option=${odd}`,
    ];
    const { stderr } = await basyn.run(args);
    const commands = traceOf(stderr).flatMap((line) => /^running: (ssh .*)$/.exec(line)?.[1] ?? []);
    expect(commands.filter((command) => command.includes(' -G '))).toHaveLength(2);
    const [session, ...others] = commands.filter((command) => !command.includes(' -G '));
    expect(others).toEqual([]);
    const words = spawnSync('sh', ['-c', `ssh() { printf '%s\\0' "$@" >${log}; cat ${log}; }; ${session!}`], {
      encoding: 'utf8',
    }).stdout.split('\0');
    expect(words).toContain(odd);
    expect(words.at(-2)).toMatch(/^sh -c 'if command -v node .*' basyn 'var f=require\("fs"\).*'$/);
  });
});

describe('--debug on one machine', () => {
  test('traces decisions, and no message', async () => {
    const pair = makePair();
    const { stderr, exitCode } = await basyn.run([...runOptions('PUSH', 'SYNC', pair), '--debug']);
    expect(exitCode).toBe(0);
    expect(traceOf(stderr)).toEqual([
      'decision: no threads for 3000017 bytes',
      `decision: file ${pair.source} is read through the page cache`,
      expect.stringMatching(`^decision: file ${pair.target} is read (past|through) the page cache`),
      expect.stringMatching(/^decision: sync reads the source cached, the target (direct|cached)$/),
    ]);
  });

  test.skipIf(!isRoot)(
    'reports for each device whether it is read past the page cache (needs root)',
    async () => {
      const pair = makePair({ kind: 'loop device' });
      const { stderr } = await basyn.run([...runOptions('PUSH', 'SYNC', pair), '--debug']);
      expect(traceOf(stderr)[2]).toMatch(/^decision: device \S+ is read past the page cache \(O_DIRECT\)/);
    },
  );
});

describe('debug events of the library', () => {
  test.each(['here', 'over ssh'] as const)('are sent only if they were requested (%s)', async (where) => {
    const library = (await import(pathToFileURL(basyn.library).href)) as typeof Library;
    const { host, port, user, sshOptions } = server();
    const count = async (fields: { readonly debug?: boolean }): Promise<number> => {
      const pair = makePair();
      let events = 0;
      await library.sync({
        local: pair.source,
        remote: pair.target,
        ...(where === 'here' ? {} : { host, port, user, sshOptions }),
        action: 'push',
        mode: 'sync',
        ...fields,
        onEvent: ({ type }) => {
          if (type === 'debug') events++;
        },
      });
      return events;
    };
    expect(await count({})).toBe(0);
    expect(await count({ debug: false })).toBe(0);
    expect(await count({ debug: true })).toBeGreaterThan(3);
  });
});
