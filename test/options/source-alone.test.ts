import { expect, test } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { checkOptions } from '../../src/options/check.ts';

const push = { local: '/a', action: 'push', bitmap: '/b' } as const;
const pop = { remote: '/a', action: 'pop', bitmap: '/b' } as const;

test.each([push, { ...push, updateBitmap: true }, pop, { ...pop, host: 'backup', hash: 'MD5' }])(
  'record accepts %j',
  (options) => {
    expect(checkOptions('record', options)).toEqual(options);
  },
);

test('record leaves out what only a run with a target takes', () => {
  expect(checkOptions('record', { ...push, mode: 'sync', create: true, compress: 'zstd' })).toEqual(push);
});

test.each([
  [{}, 'action is missing: choose one of push, pop.'],
  [{ ...push, bitmap: undefined }, "bitmap is missing: name the state file with bitmap: 'FILE'."],
  [{ ...push, local: undefined }, "local is missing: name the local device with local: 'PATH'."],
  [{ ...pop, remote: undefined }, "remote is missing: name the remote device with remote: 'PATH'."],
  [
    { ...push, remote: '/c' },
    'remote names a target, and the state file is made from the source alone: leave it out, or sync.',
  ],
  [
    { ...push, host: 'backup' },
    'host needs remote, which names the target on the host. To make the state file from the source alone, leave out host: ' +
      'the source of a PUSH is on this machine.',
  ],
  [
    { ...pop, skipReadErrors: true },
    'skipReadErrors needs a target: of what cannot be read, a state file can say nothing.',
  ],
  [
    { ...push, updateBitmap: true, resetBitmap: true },
    'updateBitmap and resetBitmap contradict each other: leave one of them out.',
  ],
])('record refuses %j', (options, message) => {
  try {
    checkOptions('record', options);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(BasynError);
    expect(thrown).toMatchObject({ code: 'usage', message });
    return;
  }
  expect.fail('it was accepted');
});
