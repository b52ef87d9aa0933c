import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runCommand } from '../../rig/processes/command.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';
import { expectSentence, jsonLines, useBasyn } from '../support/basyn.ts';
import { distributionNode } from '../support/distribution-node.ts';
import {
  expectSame,
  makeHostPair,
  pairIn,
  sending,
  sendingLauncher,
  sentPrograms,
  uploadLimitMs,
} from '../support/host-pairs.ts';
import { useHostRoot } from '../support/host-roots.ts';
import { casesOf } from '../support/lab-cases.ts';
import { isRoot } from '../support/loop-device.ts';
import { nodeVersions, tooOldNode } from '../support/node-versions.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { useSudoAccount } from '../support/sudo-account.ts';

const basyn = useBasyn({ deadlineMs: uploadLimitMs });
const limit = { timeout: uploadLimitMs };

const scripts = makeTemporaryDirectory('scripts');
afterAll(() => scripts.remove());

const without = useSshServer({ profile: { node: 'missing' } });

describe('a file that is named with --remote-runtime', () => {
  test('for another kind of machine is refused before anything is sent', async () => {
    const elf = Buffer.alloc(64);
    elf.write('\u007fELF', 'latin1');
    elf.set([2, 1], 4);
    elf.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18);
    const [there, other] = process.arch === 'arm64' ? ['aarch64', 'x86_64'] : ['x86_64', 'aarch64'];
    const result = await basyn.run([
      ...makeHostPair(without()).options,
      `--remote-runtime=${scratchFile(elf, 'node-other')}`,
    ]);
    expectSentence(
      result,
      2,
      new RegExp(
        `there is no node, and this one can't be sent: 127\\.0\\.0\\.1 is Linux ${there}, node-other is for Linux ${other}: install node there\\. .*--remote-runtime\\.$`,
      ),
    );
  });

  test('and is no program is refused', async () => {
    const result = await basyn.run([...makeHostPair(without()).options, '--remote-runtime=/etc/passwd']);
    expectSentence(
      result,
      2,
      /there is no node, and \/etc\/passwd is not a program for Linux with 64 bits\./,
    );
  });

  test('and does not run on the host gets the reason of the host', async () => {
    const file = join(scratchDirectory(), 'false');
    copyFileSync('/bin/false', file);
    const result = await basyn.run([...makeHostPair(without()).options, `--remote-runtime=${file}`]);
    expectSentence(result, 2, /node was sent, and can't run there\.$/);
  });

  test('replaces neither the node of the host nor a command of the user', async () => {
    const file = `--remote-runtime=${scratchFile(Buffer.from('no program'))}`;
    const pair = makeHostPair(withNode());
    const result = await basyn.run([...pair.options, file, '--json']);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(jsonLines(result).map(({ type }) => type)).not.toContain('runtime-start');
    expectSame(pair);
  });

  const withNode = useSshServer();
});

describe('a host whose node', () => {
  const unfit = [
    { what: 'says that it is too old', path: script('case $1 in -v) echo v16.20.2;; *) exit 86;; esac') },
    { what: 'does not start', path: script('exit 127') },
    // The loader ends with another status than it has for an old node if that does not understand its program.
    { what: 'ends with an error, and does not say its version', path: script('exit 1') },
    { what: 'is node 16', path: tooOldNode },
  ];
  const cases = casesOf(unfit, ({ what }) => what !== 'is node 16');
  describe.each(cases.filter(({ path }) => path !== undefined))('$what', ({ path }) => {
    const there = useSshServer({ profile: { node: { path: path! } } });
    test.each(sentPrograms)('receives %s', limit, async (sent) => {
      const pair = makeHostPair(there());
      const result = await basyn.run([...pair.options, ...sending(sent), '--json']);
      expect(result).toMatchObject({ exitCode: 0, stderr: '' });
      expect(jsonLines(result).map(({ type }) => type)).toContain('runtime-end');
      expectSame(pair);
    });
  });

  function script(line: string): string {
    const path = join(scripts.path, line.replaceAll(/\W+/g, '-'));
    writeFileSync(path, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
    return path;
  }
});

describe.skipIf(!isRoot)('--remote-sudo on a host without node (needs root and sudo)', () => {
  const allowed = useSudoAccount('nobody ALL=(root) NOPASSWD: ALL');
  const there = useSshServer({ profile: allowed.profile });
  test.each(sentPrograms)('starts %s as root', limit, async (sent) => {
    const pair = makeHostPair(there());
    chmodSync(pair.target, 0o600);
    expectSentence(
      await basyn.run([...pair.options, ...sendingLauncher(allowed.hiddenNode)]),
      2,
      /Permission denied|EACCES|may not be/,
    );
    const options = [...sending(sent, allowed.hiddenNode), '--remote-sudo', '--json'];
    const result = await basyn.run([...pair.options, ...options]);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(jsonLines(result).find(({ type }) => type === 'runtime-start')).toMatchObject({
      storage: 'memory',
    });
    expectSame(pair);
  });

  const refused = useSshServer({ profile: useSudoAccount('').profile });
  test('names what sudo says where it does not allow that', async () => {
    expectSentence(
      await basyn.run([...makeHostPair(refused()).options, '--remote-sudo']),
      2,
      /sudo -n does not run a program there \(sudo: a password is required\): allow it for this user without a password\.$/,
    );
  });
});

// It takes minutes, and the tests of hosts without node send the one that runs them.
describe.skipIf(!isRoot).each(casesOf(['a host'], () => false))('what is sent to %s (needs root)', () => {
  const root = useHostRoot({ kind: 'busybox', memory: 'mode=1777,size=200m' });

  const versions = nodeVersions().filter(({ path }) => path !== undefined);
  test.each(versions)('is $name, if the command runs under that', limit, async ({ path, printed }) => {
    const pair = pairIn(root());
    const result = await runCommand(path!, [basyn.executable, ...pair.options, '--json'], {
      deadlineMs: uploadLimitMs,
    });
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    const { name } = jsonLines(result).find(({ type }) => type === 'runtime-end')!;
    expect(String(name).replace('node ', 'v')).toMatch(printed);
    expectSame(pair);
    expect(root().leftovers()).toEqual([]);
  });

  test('is never the node of Debian, which is in parts', limit, async () => {
    const [command, ...words] = distributionNode();
    const result = await runCommand(command, [...words, basyn.executable, ...pairIn(root()).options]);
    expectSentence(
      result,
      2,
      /there is no node, and the node here is a distribution's package, which can't be sent: use the standalone basyn, or node's own build\..*--remote-runtime\.$/,
    );
  });
});
