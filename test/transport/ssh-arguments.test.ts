import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { agentCommand } from '../../src/transport/loader/bootstrap.ts';
import { sshArguments } from '../../src/transport/ssh-arguments.ts';

const plain = { host: 'backup', options: [] };

describe('the arguments for ssh', () => {
  test('leave everything that was not given to the user’s configuration', () => {
    expect(sshArguments(plain)).toEqual(['-T', '--', 'backup']);
  });

  test('pass on what was given, so that no value can be taken for an option', () => {
    const destination = {
      ...plain,
      host: 'me@backup',
      port: 2222,
      user: 'root',
      options: ['ProxyJump=a', 'Compression=no'],
    };
    expect(sshArguments(destination, ['-v'])).toEqual([
      '-o',
      'ProxyJump=a',
      '-o',
      'Compression=no',
      '-p',
      '2222',
      '-l',
      'root',
      '-T',
      '-v',
      '--',
      'me@backup',
    ]);
  });
});

test.each([
  [{ host: '[::1]' }, { hostname: '::1' }],
  [{ host: 'me@[fe80::1%lo]' }, { hostname: 'fe80::1%lo', user: 'me' }],
  [
    { host: '::1', user: 'first last' },
    { hostname: '::1', user: 'first last' },
  ],
  [{ host: 'first last@backup' }, { hostname: 'backup', user: 'first last' }],
])('ssh accepts %j as a destination', (destination, expected) => {
  const args = sshArguments({ options: [], ...destination }, ['-F', 'none', '-G']);
  const { stdout } = spawnSync('ssh', args, { encoding: 'utf8' });
  for (const [name, value] of Object.entries(expected)) expect(stdout).toMatch(`${name} ${value}\n`);
});

describe('the command that starts the agent', () => {
  test('contains nothing between its single quotes that any shell would interpret', () => {
    const [, start, program, ...rest] = /^(node -e )'(.*)'$/s.exec(agentCommand('node')) ?? [];
    expect(start).toBe('node -e ');
    expect(rest).toEqual([]);
    expect(program).not.toMatch(/['\\!\n]/);
  });

  test('starts with the command that starts node', () => {
    expect(agentCommand('sudo -n node')).toMatch(/^sudo -n node -e '/);
  });

  test('prints the banner first, and ends with its input', () => {
    const { stdout, stderr, status } = spawnSync('/bin/sh', ['-c', agentCommand(`"${process.execPath}"`)], {
      input: '',
    });
    expect(stdout.toString()).toBe(`BASYN 1 ${process.versions.node}\n`);
    expect({ stderr: stderr.toString(), status }).toEqual({ stderr: '', status: 0 });
  });
});
