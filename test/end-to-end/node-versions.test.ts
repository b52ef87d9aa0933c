import { describe, expect, test } from 'vitest';
import { tuning } from '../../src/limits.ts';
import { expectLines, expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import { runCommand } from '../../rig/processes/command.ts';
import { deviceOptions, expectSynchronised, makePair } from '../support/disks.ts';
import { casesOf } from '../support/lab-cases.ts';
import { node18, node20, nodeLatest } from '../support/node-versions.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();

const agents = [
  { version: 'the oldest promised node, 18', node: node18, major: /^v18\./ },
  { version: 'the newest node', node: nodeLatest, major: /^v2[4-9]\./ },
];

describe.each(agents)('an agent under $version (needs test/nodes)', ({ node, major }) => {
  test.skipIf(node === undefined)('runs under this node', async () => {
    expect(expectLines(await runCommand(node!, ['--version']))).toEqual([expect.stringMatching(major)]);
  });

  const grid = (['PUSH', 'POP'] as const).flatMap((action) =>
    ['--compress=zstd', '--compress=zlib', '--compress=none', '--zlevel=9'].map((option) => ({
      action,
      option,
    })),
  );
  const cases = casesOf(grid, ({ option }) => option === '--compress=zstd');
  test.skipIf(node === undefined).each(cases)(
    'takes part in a $action with $option',
    async ({ action, option }) => {
      const pair = makePair();
      const args = [...deviceOptions(action, pair), '-a', action, '-m', 'SYNC', option, '--recheck'];
      expectSilence(await basyn.run([...args, ...hostOptions(server()), `--remote-node=${node}`]));
      expectSynchronised(pair);
    },
  );

  const hashes = casesOf(['XXH128', 'BLAKE2S', 'SHA512'], (hash) => hash === 'XXH128');
  test.skipIf(node === undefined).each(hashes)('supports %s', async (hash) => {
    const pair = makePair();
    const args = [...deviceOptions('POP', pair), '-a', 'POP', '-m', 'SYNC', `--hash=${hash}`];
    expectSilence(await basyn.run([...args, ...hostOptions(server()), `--remote-node=${node}`]));
    expectSynchronised(pair);
  });
});

/** The newest node has a built-in zstd, 18 and 20 use the WASM build: each must decode the other's output. */
describe.skipIf(nodeLatest === undefined)('a command under the newest node (needs test/nodes)', () => {
  const grid = (['PUSH', 'POP'] as const).flatMap((action) =>
    agents.map(({ version, node }) => ({ action, version, node })),
  );
  const cases = casesOf(grid, ({ node }) => node === node18);

  test.each(cases)('performs a $action with zstd and an agent under $version', async ({ action, node }) => {
    const pair = makePair();
    const args = [...deviceOptions(action, pair), '-a', action, '-m', 'COPY', '--compress=zstd', '--recheck'];
    const host = [...hostOptions(server()), `--remote-node=${node}`];
    expectSilence(await runCommand(nodeLatest!, [basyn.executable, ...args, ...host]));
    expectSynchronised(pair);
  });
});

describe.skipIf(node20 === undefined)(
  'a command under the oldest supported node, 20.0 (needs test/nodes)',
  () => {
    test('runs under this node', async () => {
      expect(expectLines(await runCommand(node20!, ['--version']))).toEqual(['v20.0.0']);
    });

    const grid = (['PUSH', 'POP'] as const).flatMap((action) =>
      (['here', 'over ssh'] as const).map((where) => ({ action, where })),
    );
    const cases = casesOf(grid, ({ action, where }) => (action === 'PUSH') === (where === 'over ssh'));

    test.each(cases)('performs a $action $where', async ({ action, where }) => {
      // Large enough for threads.
      const pair = makePair({ sizeBytes: tuning.inlineBytes + 1 });
      const args = [...deviceOptions(action, pair), '-a', action, '-m', 'SYNC', '--recheck'];
      const host = where === 'here' ? [] : [...hostOptions(server()), `--remote-node=${node20}`];
      expectSilence(await runCommand(node20!, [basyn.executable, ...args, ...host]));
      expectSynchronised(pair);
    });
  },
);
