import { lstatSync } from 'node:fs';
import { BasynError } from '../errors.ts';
import type { Task } from '../options/task.ts';
import type { Wording } from '../options/wording.ts';

/**
 * Refuses `host:/path`, as scp and rsync take it, where both devices are on this machine: it would be taken for the name
 * of a local file, and with `--create` such a file would be made. A file that has this name is used.
 *
 * @throws {BasynError} `usage`, with the options that are meant.
 */
export function refuseScpNotation({ options }: Task, wording: Wording): void {
  if (options.host !== undefined) return;
  for (const name of ['local', 'remote'] as const) {
    const path = options[name];
    if (path === undefined) continue;
    const { host, pathThere } = notation.exec(path)?.groups ?? {};
    if (host === undefined || pathThere === undefined || isThere(path)) continue;
    const there = wording.write({ host, remote: pathThere });
    const action = wording.name('action');
    throw new BasynError(
      'usage',
      `${wording.name(name)}: there is no file named ${JSON.stringify(path)} on this machine. For a device on another machine, ` +
        `write ${name === 'remote' ? there : `${there}, and choose the direction with ${action}`}.`,
    );
  }
}

/** A slash before the colon would make it a path of this machine. */
const notation = /^(?<host>(?:[^/@:]+@)?(?:\[[^\]/]+\]|[^/@:[\]]+)):(?<pathThere>[/~].*)$/;

function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    // Whatever keeps it from being looked at would keep it from being opened, too.
    return false;
  }
}
