import { expect, test } from 'vitest';
import { sessionOptions } from '../../src/transport/session-options.ts';

const optionsFor = (actual: Record<string, string>): string[] =>
  sessionOptions({ actual: new Map(Object.entries(actual)) });

test('change nothing if nothing is configured, whether or not ssh knows a setting', () => {
  expect(optionsFor({})).toEqual([]);
  const usual = {
    stdinnull: 'no',
    permitlocalcommand: 'no',
    forkafterauthentication: 'no',
    forwardx11: 'no',
  };
  expect(optionsFor({ ...usual, tunnel: 'false', loglevel: 'INFO' })).toEqual([]);
});

test.each([
  ['remotecommand', 'tmux attach', 'remotecommand=none'],
  ['stdinnull', 'yes', 'stdinnull=no'],
  // ssh is called without a session, so it does not print the configured one.
  ['sessiontype', 'none', 'sessiontype=default'],
  ['forkafterauthentication', 'yes', 'forkafterauthentication=no'],
  ['permitlocalcommand', 'yes', 'permitlocalcommand=no'],
  ['forwardx11', 'yes', 'forwardx11=no'],
  ['tunnel', 'point-to-point', 'tunnel=no'],
  ['loglevel', 'SILENT', 'loglevel=ERROR'],
])('reset %s', (name, value, option) => {
  expect(optionsFor({ [name]: value })).toEqual([option]);
});

test('keep settings that do not disturb a run, and those that a remote command may need', () => {
  expect(optionsFor({ forwardagent: 'yes', compression: 'yes', loglevel: 'DEBUG3' })).toEqual([]);
});

test('forward no port that another session of the user may hold', () => {
  expect(optionsFor({ localforward: '8080 [localhost]:80' })).toEqual(['clearallforwardings=yes']);
});
