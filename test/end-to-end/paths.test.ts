import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import { deviceOptions } from '../support/disks.ts';
import { casesOf } from '../support/lab-cases.ts';
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
  test.each(casesOf(['here', 'over ssh'], (where) => where === 'here'))(
    'is found on both sides, %s',
    async (where) => {
      await expectFound(name, where === 'here' ? [] : hostOptions(server()));
    },
  );
});

test('a device with all of these names in its path is found on both sides, over ssh', async () => {
  await expectFound(join(...names), hostOptions(server()));
});

/** Copies a device of this name to another one of the same name, and looks for files that a shell has created. */
async function expectFound(name: string, host: readonly string[]): Promise<void> {
  const bytes = mixedBytes(50_001, 1);
  const directory = scratchDirectory();
  const [source, target] = ['source', 'target'].map((side) => {
    const parent = join(directory, side);
    mkdirSync(dirname(join(parent, name)), { recursive: true });
    return scratchFile(side === 'source' ? bytes : Buffer.alloc(bytes.length), name, parent);
  }) as [string, string];
  const before = filesIn(directory);
  for (const action of ['PUSH', 'POP'] as const) {
    writeFileSync(target, Buffer.alloc(bytes.length));
    const args = [...deviceOptions(action, { source, target }), `-a${action}`, '-mSYNC'];
    expectSilence(await basyn.run([...args, ...host], { cwd: directory }));
    expect(readFileSync(target).equals(bytes)).toBe(true);
  }
  expect(filesIn(directory)).toEqual(before);
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
}

test('a path that begins with a dash is treated as a path on both sides', async () => {
  const directory = scratchDirectory();
  const bytes = mixedBytes(5001, 1);
  scratchFile(bytes, '-source', directory);
  const target = scratchFile(Buffer.alloc(5001), '-target', directory);
  // The command that starts node on the remote host is shell text, which may change the directory first.
  const node = [`--remote-node=cd '${directory}' && node`];
  const args = ['--local=-source', '--remote=-target', '-a', 'PUSH', '-m', 'COPY'];
  expectSilence(await basyn.run([...args, ...hostOptions(server()), ...node], { cwd: directory }));
  expect(readFileSync(target).equals(bytes)).toBe(true);
});

test('a message shows control characters of a name as text', async () => {
  const name = '\x1b[2J\rbasyn: all is well\n.img';
  const result = await basyn.run([`--local=/no/such/${name}`, '--remote=/dev/null']);
  expect(result.exitCode).toBe(2);
  expect(result.stderr).toContain('/no/such/\\x1b[2J\\x0dbasyn: all is well\\x0a.img');
  expect(existsSync(`/no/such/${name}`)).toBe(false);
});
