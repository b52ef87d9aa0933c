import { expect, test } from 'vitest';
import { spawnFailureReason } from '../../src/transport/spawn-failure.ts';

test.each([
  ['ENOENT', /^ssh is not installed here, or not in PATH$/],
  ['EMFILE', /^ssh can't be started: too many open files \(EMFILE\): raise the limit on open files/],
  ['EAGAIN', /^ssh can't be started: .*\(EAGAIN\): raise the limit on processes/],
  ['ENOMEM', /^ssh can't be started: .*\(ENOMEM\): this machine has no memory/],
  ['EACCES', /^ssh can't be started: permission denied \(EACCES\)$/],
])('%s when ssh is started', (code, reason) => {
  const errno = { EMFILE: -24, EAGAIN: -11, ENOMEM: -12 }[code];
  const spawnError = Object.assign(new Error(`spawn ssh ${code}`), {
    code,
    ...(errno !== undefined && { errno }),
  });
  expect(spawnFailureReason('ssh', spawnError)).toMatch(reason);
});
