import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import { deviceOptions } from '../support/disks.ts';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();

const names = [
  'with blanks  and\ttabs',
  `it's "quoted"`,
  '$(touch pwned) `touch pwned` $HOME ~',
  'a;touch pwned|b&c>pwned',
  '*?[a-z]{b,c}!',
  'back\\slash\\n',
  'new\nline',
  'ünïcödé 磁盘 💾',
  '-leading-dash',
  '--remote=elsewhere',
  '%s%n',
];

describe.each(names)('a device named %j', (name) => {
  const bytes = mixedBytes(50_001, 1);

  test('is found on both sides, here and over ssh', async () => {
    const directory = scratchDirectory();
    const source = scratchFile(bytes, name, directory);
    mkdirSync(join(directory, 'there'));
    for (const [host, action] of [
      [[], 'POP'],
      [hostOptions(server()), 'PUSH'],
    ] as const) {
      const target = scratchFile(Buffer.alloc(50_001), name, join(directory, 'there'));
      expectSilence(
        await basyn.run([...deviceOptions(action, { source, target }), `-a${action}`, '-mSYNC', ...host]),
      );
      expect(readFileSync(target).equals(bytes)).toBe(true);
    }
    expect(readdirSync(directory).sort()).toEqual([name, 'there'].sort());
  });
});

test('a path that begins with a dash is taken as a path on both sides', async () => {
  const directory = scratchDirectory();
  const bytes = mixedBytes(5001, 1);
  scratchFile(bytes, '-source', directory);
  const target = scratchFile(Buffer.alloc(5001), '-target', directory);
  // What starts node on the other side is a piece of shell, which may go elsewhere first.
  const node = [`--remote-node=cd '${directory}' && node`];
  const args = ['--local=-source', '--remote=-target', '-a', 'PUSH', '-m', 'COPY'];
  expectSilence(await basyn.run([...args, ...hostOptions(server()), ...node], { cwd: directory }));
  expect(readFileSync(target).equals(bytes)).toBe(true);
});

test('a message shows a name without obeying it', async () => {
  const name = '\x1b[2J\rbasyn: all is well\n.img';
  const result = await basyn.run([`--local=/no/such/${name}`, '--remote=/dev/null']);
  expect(result.exitCode).toBe(2);
  expect(result.stderr).toContain('/no/such/\\x1b[2J\\x0dbasyn: all is well\\x0a.img');
  expect(existsSync(`/no/such/${name}`)).toBe(false);
});
