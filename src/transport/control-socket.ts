import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SshSettings } from './ssh-settings.ts';
import { removeStaleSockets } from './stale-sockets.ts';

/** A socket's path is limited to 108 bytes. ssh first appends 17 to it, for a temporary name. */
const maxPathBytes = 90;
/** ssh changes nothing in these: no space, no quote, and no percent sign, which it would expand. */
const plainPath = /^[\w./-]+$/;

/**
 * The socket through which further ssh processes share the first one's connection (`ControlMaster`), so that they need
 * neither a handshake nor a password. It is in a directory that only this user may enter.
 */
export class ControlSocket {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** @returns undefined where the user has configured connection sharing, or where no directory can hold the socket. */
  static async make({ actual }: SshSettings): Promise<ControlSocket | undefined> {
    if ((actual.get('controlpath') ?? 'none') !== 'none') return undefined;
    const prefix = join(tmpdir(), 'basyn-ssh-');
    if (!plainPath.test(prefix) || pathIn(`${prefix}123456`).length > maxPathBytes) return undefined;
    // In the background. A directory that cannot be listed has nothing to remove.
    removeStaleSockets(tmpdir()).catch(() => undefined);
    let made: ControlSocket | undefined;
    try {
      made = new ControlSocket(mkdtempSync(prefix));
      await tryListening(pathIn(made.directory));
      return made;
    } catch {
      // ssh would end if it could not make the socket. Without it, all lanes have connections of their own.
      made?.remove();
      return undefined;
    }
  }

  /** Options for the ssh that shares its connection. Sharing does not delay its end. */
  get hostOptions(): string[] {
    return ['ControlMaster=yes', `ControlPath=${pathIn(this.directory)}`, 'ControlPersist=no'];
  }

  /** Options for an ssh that uses the shared connection. */
  get guestOptions(): string[] {
    return ['ControlMaster=no', `ControlPath=${pathIn(this.directory)}`];
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Not every file system supports sockets. */
async function tryListening(path: string): Promise<void> {
  const server = createServer().listen(path);
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

function pathIn(directory: string): string {
  return join(directory, 's');
}
