import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SshSettings } from './ssh-settings.ts';
import { removeStaleSockets } from './stale-sockets.ts';

/** A socket's path ends at 108 bytes, of which ssh adds 17 for a name that it gives the socket at first. */
const maxPathBytes = 90;
/** What ssh takes as it stands: no blank, no quote, and no percent sign, which it would expand. */
const plainPath = /^[\w./-]+$/;

/**
 * Where the first ssh of a run lets further ones in (`ControlMaster`), so that they need neither a handshake nor a
 * person. In a directory that nobody else may enter.
 */
export class ControlSocket {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** @returns undefined where the person shares connections in a way of their own, or where there is no place for it. */
  static async make({ actual }: SshSettings): Promise<ControlSocket | undefined> {
    if ((actual.get('controlpath') ?? 'none') !== 'none') return undefined;
    const prefix = join(tmpdir(), 'basyn-ssh-');
    if (!plainPath.test(prefix) || pathIn(`${prefix}123456`).length > maxPathBytes) return undefined;
    // Nobody waits for it, and a directory that can't be listed has nothing for us to remove.
    removeStaleSockets(tmpdir()).catch(() => undefined);
    let made: ControlSocket | undefined;
    try {
      made = new ControlSocket(mkdtempSync(prefix));
      await tryListening(pathIn(made.directory));
      return made;
    } catch {
      // ssh would end where it can't make the socket. Lanes have connections of their own, then.
      made?.remove();
      return undefined;
    }
  }

  /** Options for the ssh that lets others in. It ends when it would anyway. */
  get hostOptions(): string[] {
    return ['ControlMaster=yes', `ControlPath=${pathIn(this.directory)}`, 'ControlPersist=no'];
  }

  /** Options for one that is let in. */
  get guestOptions(): string[] {
    return ['ControlMaster=no', `ControlPath=${pathIn(this.directory)}`];
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Not every file system holds sockets. */
async function tryListening(path: string): Promise<void> {
  const server = createServer().listen(path);
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

function pathIn(directory: string): string {
  return join(directory, 's');
}
