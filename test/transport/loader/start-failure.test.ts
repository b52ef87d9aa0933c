import { expect, test } from 'vitest';
import { startFailureOf, type FailedStart } from '../../../src/transport/loader/start-failure.ts';

function reasonOf(code: number | null, errorLine?: string, output = ''): string {
  const errorLines = errorLine === undefined ? [] : [errorLine];
  return startFailureOf({ ...start, exit: { code, signal: null }, errorLines, output }).reason;
}

const start: Omit<FailedStart, 'exit'> = { nodeCommand: 'node', output: '', errorLines: [] };

test.each([
  [
    127,
    'bash: line 1: node: command not found',
    /^there is no node to run there as "node" \(bash: .*\): install it/,
  ],
  [1, 'node: Command not found.', /^there is no node to run there as "node" \(node: Command not found\.\)/],
  [1, 'sudo: node: command not found', /^there is no node to run there/],
  [1, 'sudo: a password is required', /^"node" ended with status 1 there \(sudo: a password is required\)$/],
  [
    127,
    'node: error while loading shared libraries: libatomic.so.1: cannot open',
    /^the node there does not fit/,
  ],
  [
    1,
    "node: /lib64/libm.so.6: version `GLIBC_2.27' not found (required by node)",
    /^the node there does not fit/,
  ],
  [126, 'bash: /opt/node: cannot execute binary file: Exec format error', /^the node there does not fit/],
  [255, 'Fatal process OOM in CodeRange', /^node crashes there \(Fatal .*\): its limits on memory/],
  [255, 'Permission denied (publickey).', /^Permission denied \(publickey\)\.$/],
  [255, undefined, /^ssh failed, and printed no reason; the remote command may have been killed$/],
  [128, "fatal: unrecognized command 'node -e ...", /^the account there runs certain commands only/],
  [
    127,
    'rbash: line 1: /opt/node: restricted: cannot specify `/',
    /^the account there runs certain commands only/,
  ],
  [11, undefined, /^"node" ended with status 11 there and printed nothing: the account may have no shell/],
] as const)('status %s and %j', (code, errorLine, reason) => {
  expect(reasonOf(code, errorLine)).toMatch(reason);
});

test('an ssh that was killed on this host is named, and another attempt may succeed', () => {
  const failure = startFailureOf({ ...start, exit: { code: null, signal: 'SIGKILL' } });
  expect(failure).toEqual({ reason: 'ssh was ended by SIGKILL on this host', retryable: true });
});

test('text that was printed in place of the banner is quoted, without control sequences', () => {
  expect(reasonOf(1, undefined, 'This account is currently not available.\n')).toMatch(
    /^the account there runs no commands \("This account is currently not available\."\)$/,
  );
  expect(reasonOf(0, undefined, '\u001b[1mhello\n')).toContain('and printed "\\u001b[1mhello": the account');
});

test.each([
  [127, 'bash: line 1: node: command not found', 'other-node'],
  [126, 'bash: /opt/node: cannot execute binary file: Exec format error', 'other-node'],
  [1, 'This account is currently not available.', 'other-user'],
  [128, "fatal: unrecognized command 'node -e ...", 'other-user'],
  [255, 'Permission denied (publickey).', undefined],
] as const)('status %s and %j: the remedy is %s', (code, errorLine, remedy) => {
  const { reason, ...rest } = startFailureOf({
    ...start,
    exit: { code, signal: null },
    errorLines: [errorLine],
  });
  expect(reason).not.toMatch(/--(user|remote-node)/);
  expect(rest).toEqual(remedy === undefined ? {} : { remedy });
});

test.each([
  [255, 'ssh: connect to host x port 22: Connection refused', true],
  [255, undefined, true],
  [255, 'Permission denied (publickey).', undefined],
  [255, 'Fatal process OOM in CodeRange', undefined],
  [127, 'bash: line 1: node: command not found', undefined],
] as const)('status %s and %j: another attempt may succeed: %s', (code, errorLine, retryable) => {
  const errorLines = errorLine === undefined ? [] : [errorLine];
  expect(startFailureOf({ ...start, exit: { code, signal: null }, errorLines }).retryable).toBe(retryable);
});
