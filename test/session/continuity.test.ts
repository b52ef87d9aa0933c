import { expect, test } from 'vitest';
import { Continuity, type SeenDevice } from '../../src/session/continuity.ts';

const lasting = { bootId: 'a', withinBoot: 'block 8:1 sequence 7', lasting: 'wwid 5' };
const device: SeenDevice = {
  side: 'remote',
  role: 'target',
  path: '/dev/sdb1',
  sizeBytes: 4096,
  lasting,
  fingerprint: undefined,
  newFromBytes: undefined,
};

function second(first: SeenDevice, now: SeenDevice): string[] {
  const continuity = new Continuity();
  expect(continuity.requireSame(first)).toEqual([]);
  return continuity.requireSame(now);
}

test('the device of a later attempt may be the same one after its host was started again', () => {
  expect(second(device, { ...device, lasting: { ...lasting, bootId: 'b', withinBoot: '' } })).toEqual([]);
});

test('the device of a later attempt may be the same one of the same boot, without a lasting identity', () => {
  const nameless = { ...device, lasting: { ...lasting, lasting: '' } };
  expect(second(nameless, nameless)).toEqual([]);
});

test.each<[string, Partial<SeenDevice>, string]>([
  [
    'a larger one',
    { sizeBytes: 8192 },
    'another size than in the first attempt (it had 4096 bytes, and has 8192 now)',
  ],
  [
    'another one',
    { lasting: { bootId: 'b', withinBoot: '', lasting: 'wwid 6' } },
    'is another device or file',
  ],
  [
    'one without an identity',
    { lasting: { bootId: 'b', withinBoot: '', lasting: '' } },
    'no lasting identity',
  ],
  ['one of which nothing is reported', { lasting: undefined }, 'no lasting identity'],
])('%s is refused', (_name, changed, words) => {
  expect(() => second(device, { ...device, ...changed })).toThrow(
    expect.objectContaining({ code: 'device', side: 'remote', message: expect.stringContaining(words) }),
  );
});

test('a source that was modified between two attempts causes a warning', () => {
  const source: SeenDevice = { ...device, role: 'source', fingerprint: '4096 100 100' };
  expect(second(source, { ...source, fingerprint: '4096 100 200' })).toEqual([]);
  expect(second(source, { ...source, fingerprint: '4096 150 150' })).toEqual([
    'remote source /dev/sdb1 was modified between two attempts: the result may be inconsistent.',
  ]);
});

test('each attempt has another number, and all of them the same token', () => {
  const continuity = new Continuity();
  const { token } = continuity.run;
  continuity.next();
  expect(continuity.run).toEqual({ token, attempt: 2 });
  expect(new Continuity().run.token).not.toBe(token);
});
