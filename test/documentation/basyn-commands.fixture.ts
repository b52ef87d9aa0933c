import { spawnSync } from 'node:child_process';

/**
 * Bash calls this function in place of each command, because the PATH contains no programs. It prints the arguments of
 * basyn, wherever basyn is in the command line: `nice basyn ...`.
 */
const recorder = `command_not_found_handle() {
  while [[ $# -gt 0 && $1 != basyn ]]; do shift; done
  if [[ $# -gt 1 ]]; then printf '%s\\0' "\${@:2}" >&2; fi
}
image=disk.img scratch=scratch
`;

/** The arguments of each call of basyn in a block of shell commands, as a shell splits them. */
export function basynCommands(block: string): string[][] {
  const lines = block.replaceAll('\\\n', ' ').split('\n');
  return lines
    .filter((line) => /(^|\s)basyn -/.test(line) && !line.startsWith('#'))
    .map((line) => argumentsOf(line.replace(/^\$ /, '')));
}

function argumentsOf(line: string): string[] {
  const withoutRedirection = line.replaceAll(/ (2>&1|> \S+)/g, '');
  const { stderr } = spawnSync('/bin/bash', ['--norc', '-c', `${recorder}${withoutRedirection}\nwait`], {
    env: { PATH: '/nonexistent' },
    encoding: 'utf8',
  });
  return stderr.split('\0').slice(0, -1);
}
