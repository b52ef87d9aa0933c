import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { runCommand, type CommandResult } from '../../rig/processes/command.ts';
import { sshArguments } from '../../rig/ssh/index.ts';
import { findSshd } from '../../rig/ssh/sshd.ts';
import { expectSentence, expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const isSshd = findSshd() !== undefined && process.env.BASYN_TEST_SSH !== 'embedded';

describe.runIf(isSshd)('a key that is restricted to basyn serve', () => {
  const server = useSshServer();
  const basyn = useBasyn();
  const data = Buffer.alloc(3 * 1024 * 1024, 'some data of the source. ');

  let root = '';
  let local = '';
  let image = '';

  beforeEach(() => {
    root = scratchDirectory();
    mkdirSync(join(root, 'allowed'));
    [local, image] = [join(root, 'local.img'), join(root, 'allowed/disk.img')];
    writeFileSync(local, data);
    writeFileSync(image, Buffer.alloc(data.length));
    allow(`--allow=${join(root, 'allowed')}`);
  });

  /** As in the documentation. */
  function allow(options: string): void {
    server().restrictKey!(`restrict,command="${basyn.executable} serve ${options}"`);
  }

  function run(options: readonly string[], remote = image): Promise<CommandResult> {
    return basyn.run([`--local=${local}`, `--remote=${remote}`, ...hostOptions(server()), ...options]);
  }

  const push = ['--action=PUSH', '--mode=SYNC'];
  const pop = ['--action=POP', '--mode=SYNC'];

  test('transfers in both directions without a further option, and prints nothing', async () => {
    expectSilence(await run([...push, '--recheck', '--retries=2', `--bitmap=${join(root, 'state')}`]));
    expect(readFileSync(image).equals(data)).toBe(true);
    writeFileSync(local, Buffer.alloc(data.length));
    expectSilence(await run([...pop, '--lanes=8']));
    expect(readFileSync(local).equals(data)).toBe(true);
  });

  test('creates a file below an allowed directory only', async () => {
    expectSilence(await run([...push, '--create'], join(root, 'allowed/new.img')));
    expect(readFileSync(join(root, 'allowed/new.img')).equals(data)).toBe(true);
    const outside = join(root, 'outside.img');
    expectSentence(await run([...push, '--create'], outside), 2, notAllowed('target', outside));
    allow(`--allow=${outside}`);
    expectSentence(await run([...push, '--create'], outside), 2, `remote target ${outside} does not exist.`);
    expect(existsSync(outside)).toBe(false);
  });

  test('refuses every other path with the same sentence, whether it exists or not', async () => {
    writeFileSync(join(root, 'secret.img'), data);
    symlinkSync(join(root, 'secret.img'), join(root, 'allowed/link'));
    for (const path of ['secret.img', 'nothing.img', 'allowed/link', 'allowed/../secret.img'].map(
      (name) => `${root}/${name}`,
    )) {
      expectSentence(await run(pop, path), 2, notAllowed('source', path));
    }
    expect(readFileSync(local).equals(data)).toBe(true);
  });

  test('refuses the name of a file that ends like that of a directory', async () => {
    for (const path of [`${image}/`, `${image}/.`, join(root, 'allowed/new.img/')]) {
      expectSentence(
        await run([...push, '--create'], path),
        2,
        `remote target ${path} has a name that ends like that of a directory.`,
      );
    }
    expect(readFileSync(image).equals(Buffer.alloc(data.length))).toBe(true);
    expect(existsSync(join(root, 'allowed/new.img'))).toBe(false);
  });

  test('only reads with --read-only', async () => {
    allow(`--allow=${image} --read-only`);
    expectSentence(await run(push), 2, `remote target ${image} can't be a target: this key may only read.`);
    expectSentence(await run([...push, '--dry-run']), 2, /this key may only read/);
    expect(readFileSync(image).equals(Buffer.alloc(data.length))).toBe(true);
    writeFileSync(image, data);
    expectSilence(await run(['--recheck']));
    writeFileSync(local, Buffer.alloc(data.length));
    expectSilence(await run(pop));
    expect(readFileSync(local).equals(data)).toBe(true);
  });

  test('refuses --force and --snapshot, and no message suggests them', async () => {
    expectSentence(
      await run([...push, '--force']),
      2,
      `remote target ${image} is not opened: this key may not write to a target that is in use.`,
    );
    expectSentence(
      await run([...pop, '--snapshot']),
      2,
      `remote source ${image} is not opened: this key may not create a snapshot.`,
    );
    const lock = await basyn.start([`--local=${local}`, `--remote=${image}`, ...push]);
    await lock.result;
    const holder = runCommand('flock', ['-x', image, 'sleep', '5'], { deadlineMs: 4000 });
    await expect.poll(async () => (await runCommand('flock', ['-n', image, 'true'])).exitCode).toBe(1);
    expectSentence(
      await run(push),
      2,
      /is locked by another program, possibly another run: stop that program first\.$/,
    );
    await holder;
  });

  test('runs nothing else, whatever the client requests', async () => {
    const proof = join(root, 'proof');
    for (const command of [[`touch ${proof}`], ['-s', 'sftp'], [`${basyn.executable} serve --allow=/`]]) {
      const [first = '', ...more] = command;
      const isSubsystem = first === '-s';
      const words = [
        ...(isSubsystem ? ['-s'] : []),
        ...sshArguments(server()),
        ...(isSubsystem ? more : [first]),
      ];
      const input = `GET / HTTP/1.0\n\n`;
      const result = await runCommand('ssh', words, { input });
      expect(result).toMatchObject({ exitCode: 2, stdout: '' });
      // sshd does not forward the stderr of a subsystem.
      if (isSubsystem) continue;
      expect(result.stderr).toContain('basyn: This key is for Basyn only, and the client is not Basyn.\n');
    }
    const silent = await runCommand('ssh', [...sshArguments(server()), 'id'], { input: '' });
    expect(silent).toMatchObject({
      exitCode: 2,
      stderr: 'basyn: This key is for Basyn only, and the client has sent nothing.\n',
    });
    const shell = await runCommand('ssh', ['-T', ...sshArguments(server())], { input: 'id\n' });
    expect(shell).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringContaining('opens no shell') as string,
    });
    expectSilence(await run([...push, `--remote-node=touch ${proof}; sudo -n node`]));
    expect(existsSync(proof)).toBe(false);
  });

  test('names a mistake in its line of authorized_keys', async () => {
    allow('--allow=relative');
    expectSentence(await run(push), 2, /--allow must be an absolute path, not "relative"/);
  });

  function notAllowed(role: string, path: string): string {
    return `remote ${role} ${path} is not one of the paths that this key may use.`;
  }
});
