import { expect, test } from 'vitest';
import { agentCommand } from '../../src/transport/loader/bootstrap.ts';
import { reasonIn } from '../../src/transport/stderr-reason.ts';

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
