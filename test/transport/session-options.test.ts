import { expect, test } from 'vitest';
import { sessionOptions } from '../../src/transport/session-options.ts';

const optionsFor = (actual: Record<string, string>): string[] =>
  sessionOptions({ actual: new Map(Object.entries(actual)) });

test('change nothing where nothing is configured, whether ssh knows a setting or not', () => {
  expect(optionsFor({})).toEqual([]);
  expect(optionsFor({ stdinnull: 'no', sessiontype: 'default', permitlocalcommand: 'no' })).toEqual([]);
});

test('set back what would take our streams away', () => {
  expect(optionsFor({ remotecommand: 'tmux attach', stdinnull: 'yes', forwardagent: 'yes' })).toEqual([
    'remotecommand=none',
    'stdinnull=no',
  ]);
});

test('let no port be forwarded that a session of the person’s own may hold', () => {
  expect(optionsFor({ localforward: '8080 [localhost]:80' })).toEqual(['clearallforwardings=yes']);
});
