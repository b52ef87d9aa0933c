import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How a login on the test server differs from an ordinary one. */
export interface LoginProfile {
  /** `refused`: no key is accepted. */
  readonly access?: 'granted' | 'refused';
  /** Printed on stdout before each command runs, as a careless `.bashrc` does. */
  readonly noise?: string;
  /** The meaning of `node` on the remote host: not installed, or this executable instead of the usual one. */
  readonly node?: 'missing' | { readonly path: string };
  /** The shell of the account: its command without the `-c`. Otherwise the user's own, or sh. */
  readonly shell?: string;
  /** A command that runs in place of each, as `ForceCommand` in sshd's configuration. */
  readonly instead?: string;
  /** `refused`: sshd forwards nothing, as for a key with `restrict`. The embedded server never does. */
  readonly forwarding?: 'refused';
  /** Further variables in the command's environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Writes the script that the server runs in place of each command (as sshd's `ForceCommand` does, which
 * passes the command in `SSH_ORIGINAL_COMMAND`); returns its path.
 */
export function writeLoginScript(
  directory: string,
  { noise, node, environment, shell = '/bin/sh', instead }: LoginProfile,
): string {
  const variables = { ...environment };
  if (node === 'missing') variables.PATH = makeToolsWithoutNode(directory);
  else if (node !== undefined)
    variables.PATH = `${makeNodeDirectory(directory, node.path)}:${process.env.PATH}`;

  const lines = ['#!/bin/sh'];
  for (const [name, value] of Object.entries(variables)) lines.push(`export ${name}=${quote(value)}`);
  if (noise !== undefined) lines.push(`printf %s ${quote(noise)}`);
  lines.push(instead ?? `exec ${shell} -c "$SSH_ORIGINAL_COMMAND"`, '');
  const path = join(directory, 'login');
  writeFileSync(path, lines.join('\n'), { mode: 0o755 });
  return path;
}

/** A PATH with everything except node, because node is often in the same directory as `sh`. */
function makeToolsWithoutNode(directory: string): string {
  const tools = join(directory, 'tools');
  mkdirSync(tools);
  for (const name of readdirSync('/usr/bin')) {
    if (!/^(node|nodejs|npm|npx|corepack)$/.test(name))
      symlinkSync(join('/usr/bin', name), join(tools, name));
  }
  return tools;
}

function makeNodeDirectory(directory: string, nodePath: string): string {
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  symlinkSync(nodePath, join(bin, 'node'));
  return bin;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
