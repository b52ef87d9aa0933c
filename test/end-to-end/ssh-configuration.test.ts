import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, test, onTestFinished } from 'vitest';
import { expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import type { CommandOptions } from '../../rig/processes/command.ts';
import { deviceOptions, expectSynchronised, makePair } from '../support/disks.ts';
import { startRelay } from '../../rig/relay/relay.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { environmentWithSsh } from '../support/ssh-script.ts';

// Settings that users have in ~/.ssh/config for interactive sessions, and that would break a session of Basyn.

const server = useSshServer();
const basyn = useBasyn();

test.each([
  ['a remote command', ['RemoteCommand=cat /etc/hostname']],
  ['a terminal', ['RequestTTY=force']],
  ['no input', ['StdinNull=yes']],
  ['no session at all', ['SessionType=none']],
  ['a subsystem', ['SessionType=subsystem', 'RemoteCommand=sftp']],
  ['ssh in the background', ['ForkAfterAuthentication=yes']],
  ['ssh in the background with another command', ['ForkAfterAuthentication=yes', 'RemoteCommand=sleep 60']],
  ['a tunnel', ['Tunnel=yes', 'ExitOnForwardFailure=yes']],
  ['a silent ssh', ['LogLevel=QUIET']],
  ['a forwarded agent', ['ForwardAgent=yes']],
  ['compression, and variables to send', ['Compression=yes', 'SendEnv=*', 'SetEnv=A=B']],
  ['an escape character', ['EscapeChar=a', 'EnableEscapeCommandline=yes']],
  [
    'a local command, whose output would be mixed into the output of Basyn',
    ['PermitLocalCommand=yes', 'LocalCommand=echo hello'],
  ],
])('works if %s is configured', async (_what, options) => {
  expectSilence(await synchronise(options));
});

test('works if the user’s own configuration shares connections, and these outlive their session', async () => {
  const control = ['ControlMaster=auto', `ControlPath=${scratchDirectory()}/%C`, 'ControlPersist=2'];
  expectSilence(await synchronise(control));
  expectSilence(await synchronise(control));
});

describe('a server that refuses the key', () => {
  const refusing = useSshServer({ profile: { access: 'refused' } });

  test('is reported as the reason, although ssh is configured to be silent', async () => {
    const { exitCode, stderr } = await synchronise(['LogLevel=QUIET'], {}, refusing());
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringContaining('Permission denied'),
    });
  });
});

describe('a server that forwards nothing', () => {
  const strict = useSshServer({ profile: { forwarding: 'refused' } });

  test('does not make a run print a line, whatever the configuration and the number of lanes', async () => {
    const relay = await startRelay({ targetPort: strict().port, delayMs: 10 });
    onTestFinished(() => relay.stop());
    const { host, user, sshOptions } = strict();
    const pair = makePair({ sizeBytes: 20 * 1024 * 1024 });
    const result = await basyn.run(
      [
        ...deviceOptions('PUSH', pair),
        ...[
          '-a',
          'PUSH',
          '-m',
          'COPY',
          '--lanes=4',
          `--host=${host}`,
          `--port=${relay.port}`,
          `--user=${user}`,
        ],
        ...[...sshOptions, 'ForwardX11=yes', 'ForwardAgent=yes'].map((option) => `--ssh-option=${option}`),
      ],
      { env: { DISPLAY: ':9' } },
    );
    expectSilence(result);
  });
});

test('works if a port to be forwarded is already in use', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void holder.close());
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  expectSilence(await synchronise([`LocalForward=${port} localhost:22`, 'ExitOnForwardFailure=yes']));
});

test('works if ssh is a script that reads its input to the end, also when it prints its configuration', async () => {
  // This setting breaks the run unless Basyn reads it from ssh and overrides it.
  const options = ['RemoteCommand=cat /etc/hostname'];
  expectSilence(await synchronise(options, environmentWithSsh('cat | ssh "$@"')));
});

async function synchronise(
  options: readonly string[],
  env: CommandOptions['env'] = {},
  at = server(),
): ReturnType<typeof basyn.run> {
  const pair = makePair();
  const args = [
    ...deviceOptions('PUSH', pair),
    ...['-a', 'PUSH', '-m', 'SYNC', '--timeout=10'],
    ...hostOptions(at),
    ...options.map((option) => `--ssh-option=${option}`),
  ];
  const result = await basyn.run(args, { env });
  if (result.exitCode === 0) expectSynchronised(pair);
  expect(result.deadlineExceeded).toBe(false);
  return result;
}
