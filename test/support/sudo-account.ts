import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { LoginProfile } from '../../rig/ssh/index.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';

/** An account that is not root, on a host where neither it nor root finds a node. */
export interface SudoAccount {
  readonly profile: LoginProfile;
  /** A program on the host that runs node. */
  readonly hiddenNode: string;
}

/** Where root would find a node, too: sudo has a search path of its own. */
const nodePaths = '/usr/local/sbin/node /usr/local/bin/node /usr/sbin/node /usr/bin/node';

/**
 * The account `nobody` in a view of this machine, for the tests of a `describe`. It needs root. Nothing of the machine itself
 * is changed.
 *
 * @param rule of sudoers: what the account may do.
 */
export function useSudoAccount(rule: string): SudoAccount {
  const directory = makeTemporaryDirectory('sudo');
  afterAll(() => directory.remove());
  const path = (name: string): string => join(directory.path, name);
  const hiddenNode = path('hidden');
  writeFileSync(hiddenNode, '', { mode: 0o755 });
  writeFileSync(path('sudoers'), `Defaults env_reset\n${rule}\n`, { mode: 0o440 });
  const view = [
    'set -e',
    `mount --bind "${process.execPath}" "${hiddenNode}"`,
    `mount --bind "${path('sudoers')}" /etc/sudoers`,
    `for each in ${nodePaths}; do if test -e "$each"; then mount --bind /dev/null "$each"; fi; done`,
    'unset HOME',
    'PATH=/usr/bin:/bin exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "$SSH_ORIGINAL_COMMAND"',
  ];
  writeFileSync(path('view'), view.join('\n'));
  // Others than root have to pass it.
  writeFileSync(path('session'), `#!/bin/sh\nexec unshare --mount sh "${path('view')}"\n`, { mode: 0o755 });
  return { profile: { instead: `chmod 711 "${directory.path}" && exec ${path('session')}` }, hiddenNode };
}
