import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runCommand, startCommand, type CommandResult } from '../../rig/processes/command.ts';
import { filesEqual, writeImage } from '../../rig/images/images.ts';
import {
  assertNothingLeft,
  descendants,
  snapshotProcesses,
  type ProcessSnapshot,
} from '../../rig/processes/processes.ts';
import { startEmbedded } from '../../rig/ssh/embedded.ts';
import { sshArguments, type LoginProfile, type SshServer } from '../../rig/ssh/index.ts';
import { findSshd, startSshd } from '../../rig/ssh/sshd.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';

const MIB = 1024 * 1024;
const starters = [{ kind: 'embedded', start: startEmbedded }];
if (findSshd() !== undefined) starters.push({ kind: 'sshd', start: startSshd });

describe.each(starters)('the $kind server', ({ kind, start }) => {
  const directory = makeTemporaryDirectory('ssh-servers');
  afterAll(() => directory.remove());
  let before: ProcessSnapshot;
  beforeAll(() => {
    before = snapshotProcesses();
  });
  afterEach(() => assertNothingLeft(before));

  describe('with an ordinary login', () => {
    let server: SshServer;
    beforeEach(async () => {
      server = await start();
    });
    afterEach(() => server.stop());

    test('runs a command', async () => {
      expect(server.kind).toBe(kind);
      expect(await ssh(server, 'true')).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
    });

    test('passes on stdout, stderr and the exit status', async () => {
      const result = await ssh(server, 'echo out; echo err >&2; exit 7');
      expect(result).toMatchObject({ exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
    });

    test('reports a command that was ended by a signal', async () => {
      expect(await ssh(server, 'kill -TERM $$')).toMatchObject({ exitCode: 255 });
    });

    test('ends the command’s input when the client’s input ends, and passes on the answer', async () => {
      expect(await ssh(server, 'wc -c; echo end', 'x'.repeat(100_000))).toMatchObject({
        stdout: '100000\nend\n',
      });
    });

    test('has the node that runs the tests', async () => {
      expect(await ssh(server, 'node --version')).toMatchObject({ stdout: `${process.version}\n` });
    });

    test('carries 64 MiB in both directions at once', async () => {
      const sent = join(directory.path, 'sent');
      const received = join(directory.path, 'received');
      writeImage(sent, 64 * MIB, { seed: 1 });
      const input = openSync(sent, 'r');
      const output = openSync(received, 'w');
      const child = spawn('ssh', [...sshArguments(server), 'cat'], { stdio: [input, output, 'inherit'] });
      expect(await once(child, 'exit')).toEqual([0, null]);
      closeSync(input);
      closeSync(output);
      expect(filesEqual(sent, received, 64 * MIB)).toBe(true);
    });

    test('a command sees the end of its input when its client is killed', async () => {
      const client = spawn('ssh', [...sshArguments(server), 'exec cat'], { stdio: 'pipe' });
      const isUp = (): boolean => descendants(server.pid).some(({ name }) => name === 'cat');
      await expect.poll(isUp).toBe(true);
      client.kill('SIGKILL');
      await once(client, 'close');
      await expect.poll(isUp).toBe(false);
    });

    test('ends its sessions when it is stopped', async () => {
      const client = await startCommand('ssh', [...sshArguments(server), 'echo up; exec sleep 600']);
      await once(client.child.stdout!, 'data');
      await server.stop();
      expect(await client.result).toMatchObject({ exitCode: 255, deadlineExceeded: false });
    });
  });

  test('prints noise before a command’s output', async () => {
    const result = await withProfile({ noise: 'welcome!\n' }, (server) => ssh(server, 'echo out'));
    expect(result).toMatchObject({ exitCode: 0, stdout: 'welcome!\nout\n' });
  });

  test('has no node, but everything else', async () => {
    const result = await withProfile({ node: 'missing' }, (server) => ssh(server, 'uname; node -e 0'));
    expect(result).toMatchObject({ exitCode: 127, stdout: 'Linux\n' });
  });

  test('has another node', async () => {
    const path = join(directory.path, 'other-node');
    writeFileSync(path, '#!/bin/sh\necho v6.0.0\n', { mode: 0o755 });
    const result = await withProfile({ node: { path } }, (server) => ssh(server, 'node --version'));
    expect(result).toMatchObject({ exitCode: 0, stdout: 'v6.0.0\n' });
  });

  test('sets variables', async () => {
    const environment = { GREETING: `it's "this" $HOME` };
    const result = await withProfile({ environment }, (server) => ssh(server, 'printenv GREETING'));
    expect(result).toMatchObject({ stdout: `it's "this" $HOME\n` });
  });

  test('refuses a key', async () => {
    const result = await withProfile({ access: 'refused' }, (server) => ssh(server, 'true'));
    expect(result).toMatchObject({ exitCode: 255, stderr: expect.stringContaining('Permission denied') });
  });

  async function withProfile(
    profile: LoginProfile,
    use: (server: SshServer) => Promise<CommandResult>,
  ): Promise<CommandResult> {
    const server = await start({ profile });
    try {
      return await use(server);
    } finally {
      await server.stop();
    }
  }
});

function ssh(server: SshServer, command: string, input = ''): Promise<CommandResult> {
  return runCommand('ssh', [...sshArguments(server), command], { input });
}
