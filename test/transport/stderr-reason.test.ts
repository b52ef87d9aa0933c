import { expect, test } from 'vitest';
import { agentCommand } from '../../src/transport/loader/bootstrap.ts';
import { isLinkFailure, reasonIn } from '../../src/transport/stderr-reason.ts';

const command = agentCommand('node');

// As the programs print it.
test.each<[string, string[], string | undefined]>([
  ['nothing', [], undefined],
  ['nothing but marks', ['^~~~^', '---'], undefined],
  ['bash', ['bash: line 1: node: command not found'], 'bash: line 1: node: command not found'],
  ['fish', ['fish: Unknown command: node', 'fish: ', command, '^~~~^'], 'Unknown command: node'],
  [
    'fish of another version',
    ['fish: Unknown command: node', command, '(^~~~~~~^)'],
    'Unknown command: node',
  ],
  ['tcsh', ['node: Command not found.'], 'node: Command not found.'],
  ['git-shell', [`fatal: unrecognized command '${command}'`], "fatal: unrecognized command 'node -e ..."],
  [
    'an exception in node',
    [
      'node:fs:600',
      "Error: ENOENT: no such file, open '/x'",
      '    at openSync (node:fs:601:3)',
      "  code: 'ENOENT'",
      '}',
      'Node.js v20.20.2',
    ],
    "Error: ENOENT: no such file, open '/x'",
  ],
  [
    'a crash of node',
    [
      '#',
      '# Fatal process OOM in Failed to reserve memory',
      '#',
      '----- Native stack trace -----',
      ' 1: 0xd4a22b  [node]',
    ],
    'Fatal process OOM in Failed to reserve memory',
  ],
  [
    'ssh with debug output',
    ['debug1: Exit status 127', 'ssh: connect to host x port 22: Connection refused', 'debug1: cleanup'],
    'ssh: connect to host x port 22: Connection refused',
  ],
  [
    'lanes that were refused',
    ['bash: killed', 'channel 3: open failed: administratively prohibited: open failed'],
    'bash: killed',
  ],
])('the reason is found in the output of %s', (_program, lines, reason) => {
  expect(reasonIn(lines)).toBe(reason);
});

// As ssh prints it.
test.each([
  ['ssh: connect to host 127.0.0.1 port 22: Connection refused'],
  ['ssh: connect to host backup port 22: No route to host'],
  ['kex_exchange_identification: read: Connection reset by peer', 'Connection reset by 127.0.0.1 port 22'],
  ['Connection closed by 127.0.0.1 port 22'],
  ['Connection timed out during banner exchange', 'Connection to 127.0.0.1 port 22 timed out'],
  ['Connection to 127.0.0.1 closed by remote host.'],
  ['client_loop: send disconnect: Broken pipe'],
  ['Timeout, server 127.0.0.1 not responding.'],
  ['ssh_dispatch_run_fatal: Connection to 127.0.0.1 port 22: message authentication code incorrect'],
  ['debug1: Host key verification failed.', 'Connection closed by 127.0.0.1 port 22'],
])('a link failure: %s', (...lines) => {
  expect(isLinkFailure(lines)).toBe(true);
});

test.each([
  ['root@127.0.0.1: Permission denied (publickey,password).'],
  ['Host key verification failed.'],
  ['ssh: Could not resolve hostname backup: Temporary failure in name resolution'],
  ['root@jump: Permission denied (publickey).', 'Connection closed by UNKNOWN port 65535'],
  [
    'Received disconnect from 127.0.0.1 port 22:2: Too many authentication failures',
    'Disconnected from 127.0.0.1',
  ],
  ['Bad configuration option: nothing'],
  [],
])('no link failure: %s', (...lines) => {
  expect(isLinkFailure(lines)).toBe(false);
});
