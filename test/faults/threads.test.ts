import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  expectFailure,
  guardPair,
  MiB,
  sideOf,
  useWorkshop,
  type Wiring,
} from '../support/fault-workshop.ts';
import { nodeLatest } from '../support/node-versions.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { wiringsForSource, wiringsForTarget } from '../support/wirings.ts';

const server = useSshServer();
const workshop = useWorkshop(server);
const verbose = ['--verbose', '--stat'];
/** A run on one machine starts no threads for a smaller device; one over ssh always has them. */
const sizeBytes = { here: 40 * MiB, ssh: 24 * MiB };

describe('a worker thread that runs out of memory', () => {
  const cases = [
    ...wiringsForSource.map((wiring) => ['source', wiring] as const),
    ...wiringsForTarget.map((wiring) => ['target', wiring] as const),
  ].map(([role, wiring]) => [wiring.action, wiring.over, role, wiring] as const);

  test.each(cases)(
    '%s %s, of the %s: ends the run, and a SYNC repairs the target',
    async (_a, _o, role, wiring) => {
      const pair = workshop.pair(sizeBytes[wiring.over]);
      const check = guardPair(pair);
      const isRemote = wiring.over === 'ssh' && sideOf(wiring, role) === 'remote';
      const hungry = `--require=${hungryThreads(role)}`;
      const result = await workshop.run(
        wiring,
        pair,
        [
          '--mode=COPY',
          ...verbose,
          ...(isRemote ? [`--remote-node=env NODE_OPTIONS="${hungry}" ${nodeLatest ?? 'node'}`] : []),
        ],
        isRemote ? {} : { env: { NODE_OPTIONS: hungry } },
      );
      // Filling the heap takes most of this time.
      expect(expectFailure(result, { withinMs: 20_000 })).toBe(
        `basyn: A worker thread on the ${isRemote ? 'remote' : 'local'} host died: ` +
          'Worker terminated due to reaching memory limit: JS heap out of memory.',
      );
      check();
      await workshop.expectNothingLeft();
      await workshop.expectRepair(wiring, pair);
    },
  );

  /**
   * A module that node loads in each thread before Basyn's program. In the third call that reads or writes the
   * device, it fills the thread's heap until it is exhausted. The main thread is not affected.
   * The pieces are small: with a heap of the usual size, node would collect garbage for 20 s before it gives up.
   */
  function hungryThreads(role: 'source' | 'target'): string {
    const call = role === 'source' ? 'readSync' : 'writeSync';
    const path = workshop.path(`hungry-${call}.cjs`);
    writeFileSync(
      path,
      `const fs = require('node:fs');
      const call = fs.${call};
      let count = 0;
      if (!require('node:worker_threads').isMainThread) {
        fs.${call} = (...words) => {
          if (++count === 3) for (const held = []; ; ) held.push(new Array(10).fill(held.length));
          return call(...words);
        };
      }`,
    );
    return path;
  }
});

describe('a worker thread that the kernel does not start', () => {
  test.each(['PUSH', 'POP'] as const)(
    '%s here: ends the run, and a SYNC repairs the target',
    async (action) => {
      const wiring: Wiring = { action, over: 'here' };
      const pair = workshop.pair(sizeBytes.here);
      const check = guardPair(pair);
      const log = workshop.path(`threads-${action}`);
      const record = ['strace', '-qq', '-o', log];
      const calls = ['-e', 'trace=clone,clone3'];
      const options = ['--mode=COPY', ...verbose];
      const { exitCode } = await workshop.run(wiring, pair, options, { prefix: [...record, ...calls] });
      expect(exitCode).toBe(0);
      // Basyn's threads are the last ones that the main thread starts.
      const started = [...readFileSync(log, 'latin1').matchAll(/^(clone3?)\(.*CLONE_THREAD.* = \d+$/gm)];
      const call = started.at(-1)![1]!;
      const refusal = ['-e', `inject=${call}:error=EAGAIN:when=${started.length}+`];
      const result = await workshop.run(wiring, pair, options, { prefix: [...record, ...calls, ...refusal] });
      expect(expectFailure(result)).toMatch(
        /^basyn: A worker thread on the local host can't be started: .*EAGAIN/,
      );
      check();
      await workshop.expectRepair(wiring, pair);
    },
  );
});
