import { once } from 'node:events';
import { lstat, readdir, rmdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { limits } from '../limits.ts';

/** What `mkdtemp` makes of the prefix. */
const namePattern = /^basyn-ssh-[A-Za-z0-9]{6}$/;
/** The socket, and the name that ssh gives it until it listens. */
const socketPattern = /^s(\.[A-Za-z0-9]+)?$/;

/**
 * Removes the directories of control sockets that runs have left behind: those that no process could clean up after,
 * because the machine or all processes of the session ended at once.
 *
 * A directory counts as left behind if it is this user's alone, holds nothing but sockets on which nobody listens, and
 * has not changed for an hour. The hour is for a run whose ssh still waits for a password, and has no socket yet.
 *
 * @param parent directory in which the directories are.
 */
export async function removeStaleSockets(parent: string): Promise<void> {
  const names = await readdir(parent);
  for (const name of names.filter((each) => namePattern.test(each))) {
    try {
      await removeIfStale(join(parent, name));
    } catch {
      // Another run was faster, or it is not ours to remove. It does not matter to this run.
    }
  }
}

async function removeIfStale(directory: string): Promise<void> {
  const found = await lstat(directory);
  const isPrivate = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o777) === 0o700;
  if (!isPrivate || Date.now() - found.mtimeMs < limits.staleSocketAgeMs) return;
  const names = await readdir(directory);
  const paths = names.map((name) => join(directory, name));
  for (const [index, path] of paths.entries()) {
    const isSocket = socketPattern.test(names[index]!) && (await lstat(path)).isSocket();
    if (!isSocket || (await isInUse(path))) return;
  }
  for (const path of paths) await unlink(path);
  await rmdir(directory);
}

/** Whether somebody listens. Everything but a clear refusal counts as use. */
async function isInUse(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}
