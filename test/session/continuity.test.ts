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
  expect(continuity.requireSame(first)).toEqual({ warnings: [], startsAgain: false });
  return continuity.requireSame(now).warnings;
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

test('a run whose snapshot is gone starts again at offset 0', () => {
  const source: SeenDevice = { ...device, role: 'source', snapshot: 'first' };
  const plan = {
    phase: 'sync',
    sizeBytes: 4096,
    hash: 'SHA1',
    bufferBytes: 1024,
    chunkBytes: null,
    windowBuffers: 4,
    compression: { name: 'none', level: null },
    roundTripMs: null,
    dryRun: false,
  } as const;
  const continuity = new Continuity();
  continuity.requireSame(source);
  continuity.continued(plan);
  const found = { differingBytes: 0, differingRanges: [], differingRangeCount: 0, differingEndBytes: null };
  continuity.onDurable({ doneBuffers: 2, found, writtenBytes: 0, releasedBytes: 0 });
  continuity.next();

  expect(continuity.requireSame(source).startsAgain).toBe(false);
  expect(continuity.continued(plan).fromBuffer).toBe(2);

  const another = { ...source, snapshot: 'second', lasting: { ...lasting, lasting: 'wwid 6' } };
  const { warnings, startsAgain } = continuity.requireSame(another);
  expect(startsAgain).toBe(true);
  expect(warnings).toEqual([
    'remote source /dev/sdb1: the snapshot of the earlier attempts is gone. ' +
      'This attempt starts again at offset 0, with a new snapshot.',
  ]);
  expect(continuity.continued(plan).fromBuffer).toBeUndefined();
  expect(continuity.phasesLeft(['sync', 'recheck'])).toEqual(['sync', 'recheck']);
  // The next attempt is compared with this one.
  continuity.next();
  expect(continuity.requireSame(another)).toEqual({ warnings: [], startsAgain: false });
});

test('a source that is no snapshot any more is another device', () => {
  const source: SeenDevice = { ...device, role: 'source', snapshot: 'first' };
  expect(() =>
    second(source, { ...source, snapshot: undefined, lasting: { ...lasting, lasting: 'wwid 6' } }),
  ).toThrow(/in some attempts only/);
});
