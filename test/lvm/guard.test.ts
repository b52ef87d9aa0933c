import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { endGuard, isGuardAlive, SnapshotGuard } from '../../src/lvm/guard.ts';
import { isLeftOver } from '../../src/lvm/leftovers.ts';
import { guardOf, guardTagOf, idTagOf, snapshotNameOf } from '../../src/lvm/tags.ts';
import { scratchDirectory } from '../support/scratch.ts';

const idTag = idTagOf('0123456789abcdef');
const guardTag = guardTagOf({ bootId: 'no-such-boot', pid: 1, startTicks: '5' });

afterEach(() => vi.unstubAllEnvs());

/** A guard whose lvremove writes down its arguments, and fails as often as told before. */
async function startGuard(keepMs: number, failures = 0) {
  const directory = scratchDirectory();
  const removed = join(directory, 'removed');
  const script = `#!/bin/sh\nif [ "$(wc -l < ${directory}/tries)" -lt ${failures} ]; then echo >> ${directory}/tries; exit 5; fi\necho "$@" > ${removed}.new; mv ${removed}.new ${removed}\n`;
  writeFileSync(join(directory, 'tries'), '');
  writeFileSync(join(directory, 'lvremove'), script);
  chmodSync(join(directory, 'lvremove'), 0o755);
  vi.stubEnv('PATH', `${directory}:${process.env.PATH}`);
  const guard = await SnapshotGuard.start(idTag, keepMs);
  if (typeof guard === 'string') throw new Error(guard);
  return { guard, hasRemoved: () => existsSync(removed), removed: () => readFileSync(removed, 'utf8') };
}

describe('the guard of a snapshot', () => {
  test('removes it when the process that reads it has ended, also where the first tries fail', async () => {
    const { guard, hasRemoved, removed } = await startGuard(0, 2);
    expect(isGuardAlive(guard.tag)).toBe(true);
    guard.letGo();
    await expect.poll(hasRemoved).toBe(true);
    expect(removed()).toBe(`--yes @${idTag}\n`);
    await expect.poll(() => isGuardAlive(guard.tag)).toBe(false);
  });

  test('keeps it for the next attempt, which ends the guard', async () => {
    const { guard, hasRemoved } = await startGuard(60_000);
    guard.letGo();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isGuardAlive(guard.tag)).toBe(true);
    await endGuard(guard.tag);
    expect(isGuardAlive(guard.tag)).toBe(false);
    expect(hasRemoved()).toBe(false);
  });

  test('removes it at once if the run has ended meanwhile', async () => {
    const { guard, hasRemoved } = await startGuard(60_000);
    guard.keepNoLonger();
    guard.letGo();
    await expect.poll(hasRemoved).toBe(true);
  });

  test('does nothing when it is dismissed', async () => {
    const { guard, hasRemoved } = await startGuard(0);
    await guard.dismiss();
    expect(isGuardAlive(guard.tag)).toBe(false);
    expect(hasRemoved()).toBe(false);
  });
});

describe('a snapshot is left over', () => {
  test.each([
    ['if its guard is gone', ['basyn', idTag, guardTag], false, true],
    ['but not while it is open', ['basyn', idTag, guardTag], true, false],
    ['but not if it is kept as a base', ['basyn', idTag, guardTag, 'basyn.base'], false, false],
    ['but not if it has no guard', ['basyn', idTag], false, false],
    ['but not if it is not ours', [idTag, guardTag], false, false],
  ])('%s', (_what, tags, isOpen, expected) => {
    expect(isLeftOver({ tags, isOpen })).toBe(expected);
  });

  test('but not while its guard lives', async () => {
    const { guard } = await startGuard(0);
    expect(isLeftOver({ tags: ['basyn', idTag, guard.tag], isOpen: false })).toBe(false);
    await guard.dismiss();
    expect(isLeftOver({ tags: ['basyn', idTag, guard.tag], isOpen: false })).toBe(true);
  });
});

test('a tag of a guard is read back, and no other one', () => {
  const name = { bootId: '0a1b', pid: 42, startTicks: '77' };
  expect(guardOf(guardTagOf(name))).toEqual(name);
  expect(guardOf('basyn.guard.0a1b.x.77')).toBeUndefined();
  expect(guardOf('basyn.guard.0a1b')).toBeUndefined();
});

test('the name of a snapshot fits into what LVM allows', () => {
  expect(snapshotNameOf('mail', '0123456789abcdef')).toBe('mail-basyn-01234567');
  expect(snapshotNameOf('m'.repeat(127), '0123456789abcdef').length).toBeLessThan(60);
});
