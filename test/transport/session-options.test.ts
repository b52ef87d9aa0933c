import { expect, test } from 'vitest';
import { sessionOptions } from '../../src/transport/session-options.ts';

const optionsFor = (actual: Record<string, string>): string[] =>
  sessionOptions({ actual: new Map(Object.entries(actual)) });

test('change nothing where nothing is configured, whether ssh knows a setting or not', () => {
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
  // ssh is asked for no session, so it does not say which one is configured.
  ['sessiontype', 'none', 'sessiontype=default'],
  ['forkafterauthentication', 'yes', 'forkafterauthentication=no'],
  ['permitlocalcommand', 'yes', 'permitlocalcommand=no'],
  ['forwardx11', 'yes', 'forwardx11=no'],
  ['tunnel', 'point-to-point', 'tunnel=no'],
  ['loglevel', 'SILENT', 'loglevel=ERROR'],
])('set back %s', (name, value, option) => {
  expect(optionsFor({ [name]: value })).toEqual([option]);
});

test('leave what a session of ours can do with, and what a command there may need', () => {
  expect(optionsFor({ forwardagent: 'yes', compression: 'yes', loglevel: 'DEBUG3' })).toEqual([]);
});

test('let no port be forwarded that a session of the person’s own may hold', () => {
  expect(optionsFor({ localforward: '8080 [localhost]:80' })).toEqual(['clearallforwardings=yes']);
});
