import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ControlSocket } from '../../src/transport/control-socket.ts';
import { removeStaleSockets } from '../../src/transport/stale-sockets.ts';
import { scratchDirectory } from '../support/scratch.ts';

/** Listens on a path and is killed. The socket stays, as after ssh was killed. */
async function leaveSocket(path: string): Promise<void> {
  const program = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', program, path]), 'exit');
}

function directoryIn(parent: string, name = 'basyn-ssh-aB3dE6'): string {
  const directory = join(parent, name);
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

/** Makes its last change older than the time that any run waits for its socket. */
function age(directory: string): void {
  const before = new Date(Date.now() - 2 * 3_600_000);
  utimesSync(directory, before, before);
}

test('an old directory is removed if no process listens on its sockets', async () => {
  const parent = scratchDirectory();
  const directory = directoryIn(parent);
  await leaveSocket(join(directory, 's'));
  await leaveSocket(join(directory, 's.AbCdEfGh12345678'));
  const empty = directoryIn(parent, 'basyn-ssh-000000');
  [directory, empty].forEach(age);
  await removeStaleSockets(parent);
  expect([directory, empty].filter(existsSync)).toEqual([]);
});

test('the next run removes a directory that an earlier run left behind', async () => {
  const parent = scratchDirectory();
  const directory = directoryIn(parent);
  age(directory);
  vi.stubEnv('TMPDIR', parent);
  onTestFinished(() => void vi.unstubAllEnvs());
  const made = await ControlSocket.make({ actual: new Map(), standard: new Map() });
  await expect.poll(() => existsSync(directory)).toBe(false);
  expect(existsSync(made!.directory)).toBe(true);
  made!.remove();
});

test('a directory with a socket on which a process listens stays, whatever its age', async () => {
  const directory = directoryIn(scratchDirectory());
  const server = createServer().listen(join(directory, 's'));
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  age(directory);
  await removeStaleSockets(join(directory, '..'));
  expect(existsSync(join(directory, 's'))).toBe(true);
});

test('a new directory stays', async () => {
  const parent = scratchDirectory();
  const directory = directoryIn(parent);
  await removeStaleSockets(parent);
  expect(existsSync(directory)).toBe(true);
});

test.each<[string, (directory: string, parent: string) => void]>([
  ['others may enter', (directory) => chmodSync(directory, 0o755)],
  ['holds something else', (directory) => writeFileSync(join(directory, 'other'), '')],
  ['holds a file in the place of the socket', (directory) => writeFileSync(join(directory, 's'), '')],
  [
    'is a link to another one',
    (directory, parent) => {
      renameSync(directory, join(parent, 'elsewhere'));
      symlinkSync(join(parent, 'elsewhere'), directory);
    },
  ],
])('an old directory that %s stays', async (_, change) => {
  const parent = scratchDirectory();
  const directory = directoryIn(parent);
  change(directory, parent);
  age(directory);
  await removeStaleSockets(parent);
  expect(existsSync(directory)).toBe(true);
});

test('a directory with another name stays', async () => {
  const parent = scratchDirectory();
  const names = ['basyn-ssh-', 'basyn-ssh-aB3dE67', 'basyn-sshd-aB3d', 'my-basyn-ssh-aB3dE6'];
  const directories = names.map((name) => directoryIn(parent, name));
  directories.forEach(age);
  await removeStaleSockets(parent);
  expect(directories.filter(existsSync)).toEqual(directories);
});
