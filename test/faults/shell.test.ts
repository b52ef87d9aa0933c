import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lineWith, runCommand } from '../../rig/processes/command.ts';
import { expectFailure, MiB, useWorkshop, type Pair, type Wiring } from '../support/fault-workshop.ts';
import { filesEqual, writeImage } from '../../rig/images/images.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { hostOptions, type SshServer } from '../../rig/ssh/server.ts';

const server = useSshServer();
const workshop = useWorkshop(server);

describe('a path with characters that a shell interprets is only a path', () => {
  test.each([
    ['blanks', '  two  blanks '],
    ['quotes', `o'ne "two" 'three`],
    ['a command in it', '$(touch pwned)`touch pwned`; touch pwned & touch pwned |'],
    ['variables and patterns', '$HOME ~ * ? [a-z] {a,b} !! # \\'],
    ['a newline', 'first\nsecond'],
    ['letters beyond ASCII', 'Überraschung ☃ 𝔘'],
    ['a leading dash', '-oProxyCommand=touch pwned'],
  ])('%s', async (_what, name) => {
    const directory = workshop.path(`shell ${readdirSync(workshop.directory).length}`);
    for (const part of ['local', 'remote']) {
      mkdirSync(join(directory, part), { recursive: true });
      writeImage(join(directory, part, name), 100_000, { seed: part.length });
    }
    // Both paths are relative, so that a dash comes first.
    const node = `cd '${directory}/remote' && node`;
    const flags = [`--local=${name}`, `--remote=${name}`, '--mode=SYNC', ...hostOptions(server())];
    const { exitCode, stderr } = await workshop.command(
      [...flags, '--action=PUSH', `--remote-node=${node}`],
      {
        cwd: join(directory, 'local'),
      },
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(filesEqual(join(directory, 'local', name), join(directory, 'remote', name), 100_000)).toBe(true);
    for (const part of ['', 'local', 'remote'])
      expect(existsSync(join(directory, part, 'pwned'))).toBe(false);
  });

  test.each(['--local', '--remote'])(
    'bytes that are not UTF-8 in %s are refused before anything is created',
    async (option) => {
      const other = option === '--local' ? '--remote' : '--local';
      const directory = workshop.path(`bytes ${option}`);
      mkdirSync(directory);
      writeImage(join(directory, 'source'), 1000, { seed: 1 });
      const script = `exec "$0" "$1" "$(printf '%s\\377' '${option}=made')" "${other}=source" --create -m SYNC -a "$2"`;
      const action = option === '--local' ? 'POP' : 'PUSH';
      const result = await runCommand('sh', ['-c', script, process.execPath, workshop.script, action], {
        cwd: directory,
      });
      expect(result).toMatchObject({ exitCode: 1, stdout: '' });
      expect(result.stderr).toMatch(new RegExp(`^basyn: ${option}: .*UTF-8.*\\.\\n$`));
      expect(readdirSync(directory)).toEqual(['source']);
    },
  );
});

describe('a host', () => {
  const devices = ['--local=/a', '--remote=/b', '--action=PUSH', '--mode=SYNC'];
  test.each([
    // Without a blank, which would be refused for itself.
    ['that begins with a dash', ['--host=-oProxyCommand=touch${IFS}pwned']],
    ['whose user begins with a dash', ['--host=-oProxyCommand=touch${IFS}pwned@host']],
    ['with a user that begins with a dash', ['--host=localhost', '--user=-oProxyCommand=touch${IFS}pwned']],
    ['with a blank', ['--host=local host']],
    ['that is empty', ['--host=']],
    ['with a newline', ['--host=local\nhost']],
  ])('%s is refused', async (_what, host) => {
    const { exitCode, stdout, stderr } = await workshop.command([...devices, ...host], {
      cwd: workshop.directory,
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/^basyn: --(host|user)\b.*\.\n$/);
    expect(existsSync(workshop.path('pwned'))).toBe(false);
  });

  test('that refuses the connection gives one sentence', async () => {
    const result = await workshop.command([
      ...devices,
      '--host=127.0.0.1',
      '--port=1',
      '--ssh-option=BatchMode=yes',
    ]);
    // The local device is examined first, and does not exist either.
    expect(expectFailure(result)).toMatch(/does not exist|Connection refused/);
  });
});

describe('without node on the host, the reason and the advice are one line', () => {
  // Each shell prints another message and has another exit status.
  describe.each(['sh', 'bash', 'dash', 'fish', 'tcsh'])('%s', (shell) => {
    const without = useSshServer({ profile: { node: 'missing', shell } });

    test.each([
      [
        'node',
        /^basyn: Can't start on 127\.0\.0\.1: there is no node to run there as "node" \((.*)\): install it/,
      ],
      [
        '/no/node',
        /^basyn: Can't start on .*: there is no node to run there as "\/no\/node" \((.*)\): install it/,
      ],
    ])('%s', async (command, sentence) => {
      const said = await failureAt(without(), `--remote-node=${command}`);
      expect(said).toMatch(sentence);
      expect(sentence.exec(said)![1]).toMatch(
        new RegExp(`${command}.*(not found|no such)|(unknown|no such).*${command}`, 'i'),
      );
    });
  });
});

describe('the failure of an account that runs no command is not blamed on its profile', () => {
  describe.each([
    [
      'has no shell',
      'nologin',
      'the account there runs no commands ("This account is currently not available.")',
    ],
    [
      'is for sftp only',
      'internal-sftp',
      'the account there runs no commands ("This service allows sftp connections only.")',
    ],
    [
      'has a shell that does nothing',
      'false',
      '"node" ended with status 1 there and printed nothing: the account may have no shell',
    ],
    [
      'is for git only',
      'git-shell -c "$SSH_ORIGINAL_COMMAND"',
      "the account there runs certain commands only (fatal: unrecognized command 'sh -c ...)",
    ],
    [
      'runs another command',
      'echo Backup done',
      '"node" ended with status 0 there, and printed "Backup done": the account may have no shell',
    ],
  ])('because it %s', (_what, instead, words) => {
    const there = useSshServer({ profile: { instead } });
    test('is the reported reason', async () => {
      expect(await failureAt(there())).toContain(`Can't start on 127.0.0.1: ${words}`);
    });
  });

  describe('an account whose profile prints text', () => {
    const there = useSshServer({ profile: { noise: 'Welcome!\n' } });
    test('is advised to make its profile silent', async () => {
      expect(await failureAt(there())).toContain(
        'its shell prints text before node starts ("Welcome!"): make its profile silent',
      );
    });
  });
});

async function failureAt(server: SshServer, ...more: string[]): Promise<string> {
  const { source, target } = workshop.pair(1000);
  const flags = [`--local=${source}`, `--remote=${target}`, '--mode=SYNC', '--action=PUSH'];
  return expectFailure(await workshop.command([...flags, ...hostOptions(server), ...more]));
}

describe('two runs to the same target', () => {
  test.each(['PUSH', 'POP'] as const)(
    '%s: the second is refused, and the first is not disturbed',
    async (action) => {
      const wiring: Wiring = { action, over: 'ssh' };
      const pair = workshop.pair(5 * MiB);
      const relay = await workshop.relay({ bandwidthMbit: 12 });
      const first = await workshop.start(wiring, pair, ['--mode=COPY', '--verbose'], { port: relay.port });
      await lineWith(first.child.stdout!, 'to go through');
      const other: Pair = { ...pair, source: workshop.pair(MiB).source };
      const seconds = [wiring, { action, over: 'here' } as const].map((second) =>
        workshop.run(second, other),
      );
      for (const second of seconds)
        expect(expectFailure(await second)).toContain('is locked by another program');
      expect(await first.result).toMatchObject({ exitCode: 0, stderr: '' });
      expect(filesEqual(pair.source, pair.target, pair.sizeBytes)).toBe(true);
    },
  );
});
