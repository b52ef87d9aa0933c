import { expect, test } from 'vitest';
import { expectSentence, hostOptions, useBasyn } from '../support/basyn.ts';
import { deviceOptions, expectSynchronised, makePair } from '../support/disks.ts';
import { isRoot } from '../support/loop-device.ts';
import { useSshServer } from '../support/ssh-server.ts';

const basyn = useBasyn();
const server = useSshServer();

test.skipIf(!isRoot)('--remote-sudo starts the node of the host through sudo (needs root)', async () => {
  const pair = makePair();
  const args = [...deviceOptions('PUSH', pair), '-a', 'PUSH', '-m', 'SYNC', '--recheck', '--remote-sudo'];
  expect(await basyn.run([...args, ...hostOptions(server())])).toMatchObject({ exitCode: 0, stderr: '' });
  expectSynchronised(pair);
});

test('--remote-node and --remote-sudo contradict each other', async () => {
  const args = [...deviceOptions('PUSH', makePair()), '-a', 'PUSH', '-m', 'SYNC', ...hostOptions(server())];
  expectSentence(
    await basyn.run([...args, '--remote-sudo', '--remote-node=node']),
    1,
    '--remote-node and --remote-sudo contradict each other: write sudo into --remote-node.',
  );
});
