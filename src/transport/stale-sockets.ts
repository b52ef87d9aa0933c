import { once } from 'node:events';
import { lstat, readdir, rmdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { bounds } from '../limits.ts';

/** What `mkdtemp` makes from the prefix. */
const namePattern = /^basyn-ssh-[A-Za-z0-9]{6}$/;
/** The socket, and its name before ssh listens on it. */
const socketPattern = /^s(\.[A-Za-z0-9]+)?$/;

/**
 * Removes directories of control sockets that earlier runs have left behind, because the machine or all processes of the
 * session ended at once.
 *
 * A directory counts as left behind if only this user may enter it, it contains only sockets on which no process listens,
 * and it has not changed for an hour. The hour protects a run whose ssh still waits for a password and has no socket yet.
 *
 * @param parent directory in which the directories are.
 */
export async function removeStaleSockets(parent: string): Promise<void> {
  const names = await readdir(parent);
  for (const name of names.filter((each) => namePattern.test(each))) {
    try {
      await removeIfStale(join(parent, name));
    } catch {
      // Another run was faster, or it belongs to another user. This run does not depend on it.
    }
  }
}

async function removeIfStale(directory: string): Promise<void> {
  const found = await lstat(directory);
  const isPrivate = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o777) === 0o700;
  if (!isPrivate || Date.now() - found.mtimeMs < bounds.staleSocketAgeMs) return;
  const names = await readdir(directory);
  const paths = names.map((name) => join(directory, name));
  for (const [index, path] of paths.entries()) {
    const isSocket = socketPattern.test(names[index]!) && (await lstat(path)).isSocket();
    if (!isSocket || (await isInUse(path))) return;
  }
  for (const path of paths) await unlink(path);
  await rmdir(directory);
}

/** Whether a process listens. Everything but a clear refusal counts as use. */
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
