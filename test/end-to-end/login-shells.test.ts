import { describe, expect, test } from 'vitest';
import type { SshServer } from '../../rig/ssh/index.ts';
import { useBasyn } from '../support/basyn.ts';
import { useDropbear } from '../support/dropbear.ts';
import { expectSame, makeHostPair, sending, sentPrograms, uploadLimitMs } from '../support/host-pairs.ts';
import { casesOf } from '../support/lab-cases.ts';
import { isRoot } from '../support/loop-device.ts';
import { useSshServer } from '../support/ssh-server.ts';

const basyn = useBasyn({ deadlineMs: uploadLimitMs });

async function expectSentTo(server: SshServer, options: readonly string[]): Promise<void> {
  const pair = makeHostPair(server);
  const result = await basyn.run([...pair.options, ...options, '--verbose']);
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  expect(result.stdout).toContain('is sent, into its memory');
  expectSame(pair);
}

describe.skipIf(!isRoot)('a login shell (needs root)', () => {
  const shells = ['dash', 'bash', 'zsh', 'mksh', 'fish', 'tcsh', 'busybox ash', 'rbash'];
  describe.each(casesOf(shells, (shell) => shell === 'fish'))('%s', (shell) => {
    const there = useSshServer({ profile: { node: 'missing', shell } });
    test.each(sentPrograms)('starts %s that is sent', { timeout: uploadLimitMs }, async (sent) => {
      await expectSentTo(there(), sending(sent));
    });
  });
});

// A small server for small systems. It is not part of most machines.
describe.skipIf(!isRoot).each(casesOf(['dropbear'], () => false))('%s as the server (needs root)', () => {
  const without = useDropbear({ node: 'missing' });
  test('receives a node', { timeout: uploadLimitMs }, async () => {
    await expectSentTo(without(), []);
  });

  const ordinary = useDropbear({});
  test('with node on its host receives nothing but the agent', async () => {
    const pair = makeHostPair(ordinary());
    expect(await basyn.run([...pair.options, '--json'])).toMatchObject({ exitCode: 0, stderr: '' });
    expectSame(pair);
  });
});
