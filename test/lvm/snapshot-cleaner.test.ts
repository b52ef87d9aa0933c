import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { endCleaner, isCleanerAlive, SnapshotCleaner } from '../../src/lvm/snapshot-cleaner.ts';
import { isLeftOver } from '../../src/lvm/leftovers.ts';
import { cleanerOf, cleanerTagOf, idTagOf, snapshotNameOf } from '../../src/lvm/tags.ts';
import { scratchDirectory } from '../support/scratch.ts';

const idTag = idTagOf('0123456789abcdef');
const cleanerTag = cleanerTagOf({ bootId: 'no-such-boot', pid: 1, startTicks: '5' });

afterEach(() => vi.unstubAllEnvs());

/** A cleaner whose lvremove writes down its arguments, and fails as often as told before. */
async function startCleaner(keepMs: number, failures = 0) {
  const directory = scratchDirectory();
  const removed = join(directory, 'removed');
  const script = `#!/bin/sh\nif [ "$(wc -l < ${directory}/tries)" -lt ${failures} ]; then echo >> ${directory}/tries; exit 5; fi\necho "$@" > ${removed}.new; mv ${removed}.new ${removed}\n`;
  writeFileSync(join(directory, 'tries'), '');
  writeFileSync(join(directory, 'lvremove'), script);
  chmodSync(join(directory, 'lvremove'), 0o755);
  vi.stubEnv('PATH', `${directory}:${process.env.PATH}`);
  const cleaner = await SnapshotCleaner.start(idTag, keepMs);
  if (typeof cleaner === 'string') throw new Error(cleaner);
  return { cleaner, hasRemoved: () => existsSync(removed), removed: () => readFileSync(removed, 'utf8') };
}

describe('the cleaner of a snapshot', () => {
  test('removes it when the process that reads it has ended, also where the first tries fail', async () => {
    const { cleaner, hasRemoved, removed } = await startCleaner(0, 2);
    expect(isCleanerAlive(cleaner.tag)).toBe(true);
    cleaner.letGo();
    await expect.poll(hasRemoved).toBe(true);
    expect(removed()).toBe(`--yes @${idTag}\n`);
    await expect.poll(() => isCleanerAlive(cleaner.tag)).toBe(false);
  });

  test('keeps it for the next attempt, which ends the cleaner', async () => {
    const { cleaner, hasRemoved } = await startCleaner(60_000);
    cleaner.letGo();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isCleanerAlive(cleaner.tag)).toBe(true);
    await endCleaner(cleaner.tag);
    expect(isCleanerAlive(cleaner.tag)).toBe(false);
    expect(hasRemoved()).toBe(false);
  });

  test('removes it at once if the run has ended meanwhile', async () => {
    const { cleaner, hasRemoved } = await startCleaner(60_000);
    cleaner.keepNoLonger();
    cleaner.letGo();
    await expect.poll(hasRemoved).toBe(true);
  });

  test('does nothing when it is dismissed', async () => {
    const { cleaner, hasRemoved } = await startCleaner(0);
    await cleaner.dismiss();
    expect(isCleanerAlive(cleaner.tag)).toBe(false);
    expect(hasRemoved()).toBe(false);
  });
});

describe('a snapshot is left over', () => {
  test.each([
    ['if its cleaner is gone', ['basyn', idTag, cleanerTag], false, true],
    ['but not while it is open', ['basyn', idTag, cleanerTag], true, false],
    ['but not if it is kept as a base', ['basyn', idTag, cleanerTag, 'basyn.base'], false, false],
    ['but not if it has no cleaner', ['basyn', idTag], false, false],
    ['but not if it is not ours', [idTag, cleanerTag], false, false],
  ])('%s', (_what, tags, isOpen, expected) => {
    expect(isLeftOver({ tags, isOpen })).toBe(expected);
  });

  test('but not while its cleaner lives', async () => {
    const { cleaner } = await startCleaner(0);
    expect(isLeftOver({ tags: ['basyn', idTag, cleaner.tag], isOpen: false })).toBe(false);
    await cleaner.dismiss();
    expect(isLeftOver({ tags: ['basyn', idTag, cleaner.tag], isOpen: false })).toBe(true);
  });
});

test('a tag of a cleaner is read back, and no other one', () => {
  const name = { bootId: '0a1b', pid: 42, startTicks: '77' };
  expect(cleanerOf(cleanerTagOf(name))).toEqual(name);
  expect(cleanerOf('basyn.cleaner.0a1b.x.77')).toBeUndefined();
  expect(cleanerOf('basyn.cleaner.0a1b')).toBeUndefined();
});

test('the name of a snapshot fits into what LVM allows', () => {
  expect(snapshotNameOf('mail', '0123456789abcdef')).toBe('mail-basyn-01234567');
  expect(snapshotNameOf('m'.repeat(127), '0123456789abcdef').length).toBeLessThan(60);
});
