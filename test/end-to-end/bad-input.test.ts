import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { expectSentence, expectSilence, hostOptions, linesOf, useBasyn } from '../support/basyn.ts';
import { runCommand, type CommandResult } from '../../rig/processes/command.ts';
import { deviceOptions, expectUntouched, makeDisk, makePair } from '../support/disks.ts';
import { isRoot } from '../support/loop-device.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { startSshServer, type LoginProfile } from '../../rig/ssh/index.ts';

const server = useSshServer();
const basyn = useBasyn();

describe('a wrong command line gives exit code 1 and one sentence that names the option, and nothing is opened:', () => {
  const both = ['--local=/no/such/a', '--remote=/no/such/b'];
  const push = [...both, '--action=PUSH', '--mode=SYNC'];

  test.each<[string, string[], RegExp]>([
    ['an unknown option', [...push, '--frobnicate'], /--frobnicate/],
    ['a misspelt option', [...push, '--hosst=x'], /--hosst.*did you mean --host\?/],
    ['an unknown short option', [...push, '-z'], /-z/],
    ['a missing value', [...push, '--hash'], /--hash needs a value/],
    ['an option for a value', ['--local', '--remote=/b'], /--local needs a value/],
    ['an empty value', ['--local=', '--remote=/b'], /--local needs a value/],
    ['a value for a flag', [...push, '--stat=1'], /--stat takes no value/],
    ['a stray word', [...push, '/dev/sdb'], /"\/dev\/sdb"/],
    ['no local device', ['--remote=/b'], /--local/],
    ['no remote device', ['--local=/b'], /--remote/],
    ['a buffer of 0', [...push, '--buffer=0'], /--buffer must be a whole number/],
    ['a buffer with an unknown suffix', [...push, '--buffer=2MB'], /--buffer.*"2MB"/],
    ['a buffer over the limit', [...push, '--buffer=1048577'], /--buffer/],
    ['a chunk over the buffer', [...push, '--buffer=64', '--chunk=65'], /chunk .*larger than the buffer/],
    ['a chunk over the default buffer', [...push, '--chunk=4096'], /chunk .*larger than the buffer/],
    ['a level of 10', [...push, '--zlevel=10'], /--zlevel must be a whole number from 0 to 9/],
    ['a negative level', [...push, '--zlevel=-1'], /--zlevel/],
    ['an unknown hash', [...push, '--hash=SHA3'], /--hash must be one of SHA1, .*"SHA3"/],
    ['an unknown mode', [...both, '--action=PUSH', '--mode=MOVE'], /--mode must be one of SYNC, COPY/],
    ['an unknown action', [...both, '--action=PLOP', '--mode=SYNC'], /--action must be one of PUSH, POP/],
    ['a mode without an action', [...both, '--mode=SYNC'], /--mode needs --action/],
    ['an action without a mode', [...both, '--action=PUSH'], /--action needs --mode/],
    ['--create without an action', [...both, '--create'], /--create needs --action/],
    ['a port out of range', [...push, '--host=x', '--port=65536'], /--port/],
    ['a port without a host', [...push, '--port=22'], /--port needs --host/],
    ['an option twice', [...push, '--local=/c'], /--local is given twice/],
    ['a host that is an option of ssh', [...push, '--host=-oProxyCommand=true'], /--host/],
    ['a user that is an option of ssh', [...push, '--host=x', '--user=-F/etc/passwd'], /--user/],
    ['0 lanes', [...push, '--host=x', '--lanes=0'], /--lanes/],
    ['a timeout of 0', [...push, '--host=x', '--timeout=0'], /--timeout/],
    [
      'a level without compression',
      [...push, '--compress=none', '--zlevel=3'],
      /--compress=none and --zlevel/,
    ],
  ])('%s', async (_, args, sentence) => {
    expectSentence(await basyn.run(args), 1, sentence);
  });

  test('a path that scp would take for a file on another host, even with --create', async () => {
    const directory = scratchDirectory();
    const file = scratchFile(Buffer.alloc(10));
    mkdirSync(join(directory, 'backup:'));
    const args = [`--local=${file}`, '--remote=backup:/disk', '--action=PUSH', '--mode=COPY', '--create'];
    const result = await basyn.run(args, { cwd: directory });
    expectSentence(result, 1, /--remote: .*"backup:\/disk".* write --host=backup --remote=\/disk\.$/);
    expect(readdirSync(join(directory, 'backup:'))).toEqual([]);
    writeFileSync(join(directory, 'backup:/disk'), Buffer.alloc(10, 'x'));
    expectSilence(await basyn.run(args, { cwd: directory }));
  });

  test('an empty command line prints the usage', async () => {
    const result = await basyn.run([]);
    expect(result).toMatchObject({ exitCode: 1, stdout: '' });
    expect(linesOf(result.stderr)[0]).toMatch(/^Usage: basyn /);
  });
});

describe.each(['here', 'over ssh'] as const)(
  '%s, an unusable device gives exit code 2 and one sentence:',
  (where) => {
    const host = (): string[] => (where === 'here' ? [] : hostOptions(server()));

    const named = (place: string): string => (where === 'here' ? place.replace(/^\w+ /, '') : place);

    /** Uses the path as the remote device of a PUSH and as its local one. The message names the side. */
    async function expectRefused(path: string, sentence: RegExp): Promise<void> {
      const other = scratchFile(Buffer.alloc(1000));
      const asTarget = await basyn.run([
        ...deviceOptions('PUSH', { source: other, target: path }),
        ...sync('PUSH'),
      ]);
      expectSentence(asTarget, 2, new RegExp(`^basyn: ${named('remote target')} .*${sentence.source}`));
      const asSource = await basyn.run([
        ...deviceOptions('PUSH', { source: path, target: other }),
        ...sync('PUSH'),
      ]);
      expectSentence(asSource, 2, new RegExp(`^basyn: ${named('local source')} .*${sentence.source}`));
    }
    const sync = (action: string): string[] => [`--action=${action}`, '--mode=SYNC', ...host()];

    test('a device that does not exist', () =>
      expectRefused('/dev/no-such-device', /\/dev\/no-such-device does not exist/));
    test('a directory', () =>
      expectRefused(scratchDirectory(), /is a directory, not a block device or file/));
    test('a character device', () => expectRefused('/dev/null', /\/dev\/null is a character device/));
    test('a path with a file as a directory', () =>
      expectRefused(join(scratchFile(Buffer.alloc(1)), 'x'), /not a directory/));

    test.each(['PUSH', 'POP'] as const)('a target that is too small (%s)', async (action) => {
      const pair = makePair({ sizeBytes: 10_001, changes: [], tailBytes: 99 });
      // The other way round: the larger one is the source.
      const swapped = deviceOptions(action, { source: pair.target, target: pair.source });
      const place = named(action === 'PUSH' ? 'remote target' : 'local target');
      const sizes = 'it has 10001 bytes, and the source has 10100';
      const result = await basyn.run([...swapped, ...sync(action)]);
      expectSentence(
        result,
        2,
        `${place} ${pair.source} is too small: ${sizes}. To extend the file to the size of the source, add --grow.`,
      );
      expectUntouched(pair);
    });

    describe('source and target are the same', () => {
      const same = /is the same storage as the source/;
      const names: [string, () => { source: string; target: string; needsRoot?: true }][] = [
        [
          'under the same name',
          () => {
            const disk = scratchFile(Buffer.alloc(5000, 'x'));
            return { source: disk, target: disk };
          },
        ],
        [
          'through a symbolic link',
          () => {
            const disk = scratchFile(Buffer.alloc(5000, 'x'));
            symlinkSync(disk, `${disk}.link`);
            return { source: disk, target: `${disk}.link` };
          },
        ],
        [
          'through a link to the directory',
          () => {
            const directory = scratchDirectory();
            mkdirSync(join(directory, 'real'));
            symlinkSync('real', join(directory, 'alias'));
            const source = scratchFile(Buffer.alloc(5000, 'x'), 'disk', join(directory, 'real'));
            return { source, target: join(directory, 'alias', 'disk') };
          },
        ],
      ];

      test.each(names)('%s', async (_, make) => {
        for (const action of ['PUSH', 'POP'] as const) {
          const pair = make();
          expectSentence(await basyn.run([...deviceOptions(action, pair), ...sync(action)]), 2, same);
          expect(readFileSync(pair.source).equals(Buffer.alloc(5000, 'x'))).toBe(true);
        }
      });

      test.skipIf(!isRoot)(
        'under another name of a loop device, and through its file (needs root)',
        async () => {
          const loop = makeDisk('loop device', Buffer.alloc(512 * 11));
          const alias = join(scratchDirectory(), 'alias');
          symlinkSync(loop, alias);
          for (const target of [loop, alias]) {
            const result = await basyn.run([
              ...deviceOptions('PUSH', { source: loop, target }),
              ...sync('PUSH'),
            ]);
            expectSentence(result, 2, same);
          }
          const file = readFileSync(`/sys/block/${loop.slice(5)}/loop/backing_file`, 'utf8').trim();
          const result = await basyn.run([
            ...deviceOptions('PUSH', { source: file, target: loop }),
            ...sync('PUSH'),
          ]);
          expectSentence(result, 2, same);
        },
      );
    });
  },
);

describe('missing permission gives exit code 2 and one sentence:', () => {
  /**
   * Root may open everything, so the side under test runs without capabilities. As another user it could not ask losetup
   * about loop devices of other tests, and would refuse the target for that.
   */
  const unprivileged = isRoot ? ['setpriv', '--bounding-set=-all'] : [];

  test('to read the local device', async () => {
    const directory = scratchDirectory();
    const secret = scratchFile(Buffer.alloc(100), 'secret', directory);
    const target = scratchFile(Buffer.alloc(100), 'target', directory);
    chmodSync(secret, 0);
    const args = [`--local=${secret}`, `--remote=${target}`, '-a', 'PUSH', '-m', 'SYNC'];
    const [file, ...prefix] = [...unprivileged, process.execPath, basyn.executable];
    const result = await runCommand(file, [...prefix, ...args]);
    expectSentence(result, 2, /^basyn: source .*secret can't be opened for reading: permission denied/);
  });

  test('to write to the remote device, which stays as it was', async () => {
    const directory = scratchDirectory();
    const readOnly = scratchFile(Buffer.alloc(100), 'read-only', directory);
    chmodSync(readOnly, 0o444);
    const source = scratchFile(Buffer.alloc(100, 'new'));
    const node = [...unprivileged, process.execPath].join(' ');
    const args = [...deviceOptions('PUSH', { source, target: readOnly }), '-a', 'PUSH', '-m', 'SYNC'];
    const refused = await basyn.run([...args, ...hostOptions(server()), `--remote-node=${node}`]);
    expectSentence(refused, 2, /remote target .*read-only can't be opened for writing: permission denied/);
    expect(readFileSync(readOnly).equals(Buffer.alloc(100))).toBe(true);
  });
});

describe('an unusable host gives exit code 2 and one sentence:', () => {
  const push = (): string[] => [
    ...deviceOptions('PUSH', {
      source: scratchFile(Buffer.alloc(10)),
      target: scratchFile(Buffer.alloc(10)),
    }),
    '--action=PUSH',
    '--mode=SYNC',
  ];
  const place = /^basyn: Can't start on 127\.0\.0\.1: /;

  test('unreachable', async () => {
    // No other process can use the local port of a connection, and no process listens on it.
    const holder = connect(server().port, '127.0.0.1');
    onTestFinished(() => void holder.destroy());
    await once(holder, 'connect');
    const port = holder.localPort!;
    const result = await basyn.run([...push(), ...hostOptions(server(), port)]);
    expectSentence(result, 2, new RegExp(`${place.source}.*port ${port}: Connection refused`));
  });

  test('with a name that does not resolve', async () => {
    const options = hostOptions(server()).filter((option) => !option.startsWith('--host='));
    const env = { RES_OPTIONS: 'timeout:1 attempts:1' };
    const result = await basyn.run([...push(), ...options, '--host=no-such-host.invalid'], { env });
    expectSentence(result, 2, /^basyn: Can't start on no-such-host\.invalid: .*resolve/);
  });

  test('with a key other than the known one', async () => {
    const unknown = join(scratchDirectory(), 'known_hosts');
    writeFileSync(unknown, '');
    const options = hostOptions(server()).filter((option) => !option.includes('UserKnownHostsFile'));
    const result = await basyn.run([...push(), ...options, `--ssh-option=UserKnownHostsFile=${unknown}`]);
    expectSentence(result, 2, new RegExp(`${place.source}.*[Hh]ost key`));
  });

  test.each<[string, LoginProfile, RegExp]>([
    ['that refuses our key', { access: 'refused' }, /Permission denied/],
    [
      'without node',
      { node: 'missing' },
      /no node to run there as "node".*: install it\. To start another node there, name it with --remote-node\./,
    ],
    ['with a shell that prints a greeting', { noise: 'Welcome!\n' }, /shell prints text.*"Welcome!"/],
    ['with a shell that prints an incomplete line', { noise: 'Welcome! ' }, /shell prints text.*"Welcome! /],
    ['with a shell that prints endlessly', { noise: 'x'.repeat(100_000) }, /shell prints text/],
    ['with a shell that prints control sequences', { noise: '\x1b[2J\x07\n' }, /shell prints text/],
  ])('%s', async (_, profile, sentence) => {
    const result = await runWith(profile);
    expectSentence(result, 2, new RegExp(`${place.source}.*${sentence.source}`));
  });

  test('with a node that is too old', async () => {
    // The behaviour of the loader under node 16: it sends a banner with its version, and then it ends.
    const path = join(scratchDirectory(), 'old-node');
    writeFileSync(path, '#!/bin/sh\necho BASYN 1 16.20.2\n', { mode: 0o755 });
    const sentence =
      /node there is too old \(16\.20\.2, needed is 18\): install a newer one\. To start .* --remote-node/;
    expectSentence(await runWith({ node: { path } }), 2, sentence);
  });

  test('with a command that is not node', async () => {
    const path = join(scratchDirectory(), 'no-node');
    writeFileSync(path, '#!/bin/sh\necho no such option: -e >&2\nexit 9\n', { mode: 0o755 });
    expectSentence(
      await runWith({ node: { path } }),
      2,
      /"node" ended with status 9 there \(no such option: -e\)/,
    );
  });

  test('with a --remote-node that does not exist', async () => {
    const result = await basyn.run([...push(), ...hostOptions(server()), '--remote-node=/no/such/node']);
    expectSentence(result, 2, /there is no node to run there as "\/no\/such\/node"/);
  });

  async function runWith(profile: LoginProfile): Promise<CommandResult> {
    const special = await startSshServer({ profile });
    // Without a command, a host whose node does not start gets another one.
    const command = profile.node === undefined ? [] : ['--remote-node=node'];
    try {
      return await basyn.run([...push(), ...hostOptions(special), ...command]);
    } finally {
      await special.stop();
    }
  }
});

test('a path that is too long for a message also gives one sentence', async () => {
  const missing = `/${'very-long/'.repeat(408)}disk`;
  expect(existsSync(missing)).toBe(false);
  const result = await basyn.run([
    `--local=${scratchFile(Buffer.alloc(1))}`,
    `--remote=${missing}`,
    ...hostOptions(server()),
  ]);
  expect(result.exitCode).toBe(2);
  expect(linesOf(result.stderr)).toHaveLength(1);
  expect(result.stderr).toMatch(/^basyn: remote \w+ \/very-long\//);
});

test('the reason of the operating system is given in words, even if it is rare', async () => {
  const pair = makePair();
  const args = ['-l', `/tmp/${'x'.repeat(256)}`, '-r', pair.target, '-a', 'PUSH', '-m', 'SYNC'];
  expectSentence(await basyn.run(args), 2, /x can't be opened: name too long \(ENAMETOOLONG\)\.$/);
});
