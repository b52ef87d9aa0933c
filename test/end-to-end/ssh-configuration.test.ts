import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect, test, onTestFinished } from 'vitest';
import { expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import type { CommandOptions } from '../support/command.ts';
import { deviceOptions, expectSynchronised, makePair } from '../support/disks.ts';
import { useSshServer } from '../support/ssh/fixture.ts';
import { environmentWithSsh } from '../support/ssh/script.ts';

// What people have in ~/.ssh/config for sessions of their own, and what none of ours can do with.

const server = useSshServer();
const basyn = useBasyn();

test.each([
  ['a command to begin with', ['RemoteCommand=cat /etc/hostname']],
  ['a terminal', ['RequestTTY=force']],
  ['no input', ['StdinNull=yes']],
  ['no session at all', ['SessionType=none']],
  [
    'a command on this side, whose output would be in ours',
    ['PermitLocalCommand=yes', 'LocalCommand=echo hello'],
  ],
])('works where %s is configured', async (_what, options) => {
  expectSilence(await synchronise(options));
});

test('works where a port is to be forwarded that is taken already', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void holder.close());
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  expectSilence(await synchronise([`LocalForward=${port} localhost:22`, 'ExitOnForwardFailure=yes']));
});

test('works where ssh is a script that reads its input to the end, and asks it for the configuration', async () => {
  // Unheard, this would be in the way.
  const options = ['RemoteCommand=cat /etc/hostname'];
  expectSilence(await synchronise(options, environmentWithSsh('cat | ssh "$@"')));
});

async function synchronise(
  options: readonly string[],
  env: CommandOptions['env'] = {},
): ReturnType<typeof basyn.run> {
  const pair = makePair();
  const args = [
    ...deviceOptions('PUSH', pair),
    ...['-a', 'PUSH', '-m', 'SYNC', '--timeout=10'],
    ...hostOptions(server()),
    ...options.map((option) => `--ssh-option=${option}`),
  ];
  const result = await basyn.run(args, { env });
  if (result.exitCode === 0) expectSynchronised(pair);
  expect(result.deadlineExceeded).toBe(false);
  return result;
}
