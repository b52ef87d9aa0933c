import { describe, expect, test } from 'vitest';
import { tuning } from '../../src/limits.ts';
import { expectLines, expectSentence, expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import { lineWith, runCommand, startCommand, type CommandResult } from '../../rig/processes/command.ts';
import {
  deviceOptions,
  expectSynchronised,
  makeHollowPair,
  makePair,
  runOptions,
  type DiskPair,
} from '../support/disks.ts';
import { casesOf } from '../support/lab-cases.ts';
import {
  newestVersion,
  node18,
  nodeLatest,
  nodeVersions,
  oldestVersion,
  tooOldVersions,
  type NodeVersion,
} from '../support/node-versions.ts';
import { scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { ways } from '../support/ways.ts';

const server = useSshServer();
const basyn = useBasyn();

const isExtreme = (version: NodeVersion): boolean => version === oldestVersion || version === newestVersion;
const versions = casesOf(nodeVersions(), isExtreme);

/** Large enough for threads. */
const largePair = (): DiskPair => makePair({ sizeBytes: tuning.inlineBytes + 1 });

describe.each(versions)('a command under $name (needs test/nodes)', (version) => {
  const isMissing = version.path === undefined;
  const node = version.path!;

  test.skipIf(isMissing)('runs under this node', async () => {
    expect(expectLines(await runCommand(node, ['--version']))).toEqual([
      expect.stringMatching(version.printed),
    ]);
  });

  test.skipIf(isMissing)('reads its command line, and names what is wrong in it', async () => {
    const command = (...args: string[]) => runCommand(node, [basyn.executable, ...args]);
    expect(expectLines(await command('--version'))).toEqual([expect.stringMatching(/^basyn \d/)]);
    expect(expectLines(await command('--help')).length).toBeGreaterThan(100);
    expectSentence(await command('--locol=/a', '-r', '/b'), 1, /--locol.*did you mean --local\?/);
    expectSentence(await command('-l', '/no/such/a', '-r', '/no/such/b'), 2, /\/no\/such\/a/);
  });

  const local = casesOf(
    ways.filter(({ where }) => where === 'here'),
    ({ action }) => action === 'PUSH',
  );
  test.skipIf(isMissing).each(local)(
    'performs a $action $mode here, with a recheck',
    async ({ action, mode }) => {
      const pair = largePair();
      const args = [...deviceOptions(action, pair), '-a', action, '-m', mode, '--recheck'];
      expectSilence(await runCommand(node, [basyn.executable, ...args]));
      expectSynchronised(pair);
    },
  );

  test.skipIf(isMissing)('is ended by a signal, and reports its progress', async () => {
    const args = [...runOptions('PUSH', 'SYNC', makeHollowPair()), ...hostOptions(server()), '--json'];
    const run = await startCommand(node, [basyn.executable, ...args]);
    await lineWith(run.child.stdout!, '"phase-start"');
    run.child.kill('SIGTERM');
    const { exitCode, stderr } = await run.result;
    expect(stderr).toMatch(/^basyn: Stopped by SIGTERM during sync at /);
    expect(exitCode).toBe(2);
  });
});

describe('a command under a node that is too old', () => {
  test.each(casesOf(tooOldVersions(), () => false))(
    'refuses to run under $version',
    async ({ version, path }) => {
      const result = await runCommand(path, [basyn.executable, '--version']);
      expectSentence(
        result,
        1,
        new RegExp(`needs node 18\\.13 or later, and this is node ${version}\\.[\\d.]+\\.$`),
      );
    },
  );

  /** This node, with another version. */
  function runAs(version: string): Promise<CommandResult> {
    const code = `Object.defineProperty(process.versions, 'node', { value: '${version}' });`;
    const preloaded = scratchFile(Buffer.from(code), 'version.cjs');
    return runCommand(process.execPath, ['--require', preloaded, basyn.executable, '--version']);
  }

  test.each(['9.99.0', '16.20.2', '18.9.1', '18.12.1'])('is told so in one sentence: %s', async (version) => {
    expectSentence(await runAs(version), 1, `Basyn needs node 18.13 or later, and this is node ${version}.`);
  });

  test.each(['18.13.0', '20.0.0', '100.1.0'])('is not %s', async (version) => {
    expect(expectLines(await runAs(version))).toHaveLength(1);
  });
});

/** Node has a built-in zstd from 22 on, others use the WASM build: each must decode the other's output. */
describe('two versions of node over ssh (needs test/nodes)', () => {
  const grid = nodeVersions().flatMap((command) =>
    nodeVersions().flatMap((agent) =>
      ways.filter(({ where }) => where === 'over ssh').map((way) => ({ command, agent, ...way })),
    ),
  );
  const cases = casesOf(
    grid,
    ({ command, agent, action, mode }) =>
      isExtreme(command) &&
      isExtreme(agent) &&
      command !== agent &&
      (mode === 'SYNC') === (action === 'PUSH'),
  );

  test.skipIf(node18 === undefined || nodeLatest === undefined).each(cases)(
    'a command under $command.name performs a $action $mode with an agent under $agent.name',
    async ({ command, agent, action, mode }) => {
      const pair = largePair();
      const args = [
        ...deviceOptions(action, pair),
        ...['-a', action, '-m', mode, '--compress=zstd', '--recheck'],
        ...hostOptions(server()),
      ];
      const remoteNode = `--remote-node=${agent.path}`;
      expectSilence(await runCommand(command.path!, [basyn.executable, ...args, remoteNode]));
      expectSynchronised(pair);
    },
  );
});

describe.each(versions)('an agent under $name (needs test/nodes)', ({ path }) => {
  const grid = (['PUSH', 'POP'] as const).flatMap((action) =>
    ['--compress=zstd', '--compress=zlib', '--compress=none', '--zlevel=9'].map((option) => ({
      action,
      option,
    })),
  );
  const cases = casesOf(grid, ({ option }) => option === '--compress=zstd');
  test.skipIf(path === undefined).each(cases)(
    'takes part in a $action with $option',
    async ({ action, option }) => {
      const pair = makePair();
      const args = [...deviceOptions(action, pair), '-a', action, '-m', 'SYNC', option, '--recheck'];
      expectSilence(await basyn.run([...args, ...hostOptions(server()), `--remote-node=${path}`]));
      expectSynchronised(pair);
    },
  );

  const hashes = casesOf(['XXH128', 'BLAKE2S', 'SHA512'], (hash) => hash === 'XXH128');
  test.skipIf(path === undefined).each(hashes)('supports %s', async (hash) => {
    const pair = makePair();
    const args = [...deviceOptions('POP', pair), '-a', 'POP', '-m', 'SYNC', `--hash=${hash}`];
    expectSilence(await basyn.run([...args, ...hostOptions(server()), `--remote-node=${path}`]));
    expectSynchronised(pair);
  });
});
