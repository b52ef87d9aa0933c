import { closeSync, openSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createStateFile, openStateFile, type FirstHeader } from '../../src/state-file/open.ts';
import { layoutOf, markPlaceOf, digestPlaceOf, pageOffsetBytes } from '../../src/state-file/layout.ts';
import type { Header } from '../../src/state-file/header.ts';
import type { StateFile } from '../../src/state-file/state-file.ts';
import { judge } from '../../src/state-file/verdict.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';

const directory = makeTemporaryDirectory('state-file');
afterAll(() => directory.remove());

const marks = { bootId: 'boot', attachment: 'disk', writes: '1' };
const target = { host: '', path: '/dev/target', marks } as const;
const bufferBytes = 1024;

let fileCount = 0;
function newPath(): string {
  return join(directory.path, `state-${++fileCount}`);
}

function firstHeader(bufferCount: number): FirstHeader {
  return { sizeBytes: bufferCount * bufferBytes, bufferBytes, blockBytes: bufferBytes, hash: 'SHA1', target };
}

function digestOf(seed: number): Uint8Array {
  return new Uint8Array(20).fill(1 + (seed % 255));
}

async function reopen(path: string): Promise<StateFile> {
  const file = await openStateFile(path, 'update');
  if (file === undefined || file === 'damaged') throw new Error(`the state file is ${file ?? 'missing'}`);
  return file;
}

/** A finished file in which every buffer is known. */
async function finishedFile(bufferCount: number): Promise<string> {
  const path = newPath();
  const file = await createStateFile(path, firstHeader(bufferCount), 'none');
  for (let index = 0; index < bufferCount; index++) file.learn(index, digestOf(index));
  await file.commit('everything');
  await file.finish({ target, scrubBuffer: 0, base: null });
  file.close();
  return path;
}

function knownOf(file: StateFile): number[] {
  return Array.from({ length: file.bufferCount }, (_, index) => index).filter((index) => file.isKnown(index));
}

function alter(path: string, offsetBytes: number): void {
  const fd = openSync(path, 'r+');
  const byte = readFileSync(path)[offsetBytes] ?? 0;
  writeSync(fd, Buffer.of(byte ^ 0x10), 0, 1, offsetBytes);
  closeSync(fd);
}

describe('a state file', () => {
  test('drops the base before anything newer counts', async () => {
    const path = newPath();
    const file = await createStateFile(path, firstHeader(4), 'none');
    for (let index = 0; index < 4; index++) file.learn(index, digestOf(index));
    await file.commit('everything');
    await file.finish({ target, scrubBuffer: 0, base: { uuid: 'older' } });
    await file.willChange(1, 1);
    file.learn(1, digestOf(9));
    file.close();
    // Killed before the commit: the buffer is marked, so the base may stay.
    const killed = await reopen(path);
    await killed.examine();
    expect(killed.header).toMatchObject({ state: 'open', base: { uuid: 'older' } });
    expect(knownOf(killed)).toEqual([0, 2, 3]);
    killed.learn(1, digestOf(9));
    await killed.commit('everything');
    killed.close();
    // Killed after the commit: nothing is marked, and the target is newer than the base.
    const committed = await reopen(path);
    await committed.examine();
    expect(knownOf(committed)).toEqual([0, 1, 2, 3]);
    expect(committed.header).toMatchObject({ state: 'open', base: null });
    committed.close();
  });

  test('returns what was learned and committed', async () => {
    const bufferCount = 70_000;
    const file = await reopen(await finishedFile(bufferCount));
    expect(await file.examine()).toBe(0);
    expect(file.header.state).toBe('clean');
    for (const index of [0, 1, 202, 203, 32_479, 32_480, 69_999]) {
      expect(Buffer.from(file.digestOf(index)!)).toEqual(Buffer.from(digestOf(index)));
    }
    expect(knownOf(file)).toHaveLength(bufferCount);
    file.close();
  });

  test('does not know what was never learned', async () => {
    const path = newPath();
    const file = await createStateFile(path, firstHeader(1000), 'none');
    file.learn(7, digestOf(7));
    await file.commit('everything');
    file.close();
    const again = await reopen(path);
    await again.examine();
    expect(again.header.state).toBe('open');
    expect(knownOf(again)).toEqual([7]);
    again.close();
  });

  test('does not know a buffer any more once it may change, also after a crash', async () => {
    const path = await finishedFile(1000);
    const file = await reopen(path);
    await file.examine();
    await file.willChange(10, 3);
    // Nothing else was written when the process ended.
    const copy = newPath();
    writeFileSync(copy, readFileSync(path));
    file.close();
    const again = await reopen(copy);
    await again.examine();
    expect(again.header.state).toBe('open');
    expect(knownOf(again)).toHaveLength(997);
    expect([10, 11, 12].some((index) => again.isKnown(index))).toBe(false);
    again.close();
  });

  test('does not count what was learned before it is committed', async () => {
    const path = await finishedFile(1000);
    const file = await reopen(path);
    await file.examine();
    await file.willChange(10, 1);
    file.learn(10, digestOf(99));
    expect(file.digestOf(10)).toBeUndefined();
    await file.commit('everything');
    expect(Buffer.from(file.digestOf(10)!)).toEqual(Buffer.from(digestOf(99)));
    file.close();
  });

  test('knows nothing after it was started anew', async () => {
    const path = await finishedFile(1000);
    const file = await reopen(path);
    await file.startAnew({ sizeBytes: 500 * bufferBytes, target });
    file.learn(3, digestOf(3));
    await file.commit('everything');
    await file.finish({ target, scrubBuffer: 0, base: null });
    file.close();
    const again = await reopen(path);
    expect(await again.examine()).toBe(0);
    expect(knownOf(again)).toEqual([3]);
    again.close();
  });

  test('keeps what it knows when the device grows, but for a last buffer that was cut', async () => {
    const path = newPath();
    const file = await createStateFile(
      path,
      { ...firstHeader(10), sizeBytes: 9 * bufferBytes + 100 },
      'none',
    );
    for (let index = 0; index < 10; index++) file.learn(index, digestOf(index));
    await file.commit('everything');
    await file.resize(40_000 * bufferBytes);
    expect(knownOf(file)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    file.close();
    const again = await reopen(path);
    expect(await again.examine()).toBe(0);
    expect(knownOf(again)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    again.close();
  });

  test('does not know what lay behind the end of a device that was shortened and extended again', async () => {
    const path = await finishedFile(100);
    const file = await reopen(path);
    await file.examine();
    await file.resize(50 * bufferBytes);
    await file.resize(100 * bufferBytes);
    file.close();
    const again = await reopen(path);
    await again.examine();
    expect(knownOf(again)).toEqual(Array.from({ length: 50 }, (_, index) => index));
    again.close();
  });

  test('gives the same answers as a plain table, in any order of changes', async () => {
    const change = fc.record({
      kind: fc.constantFrom('change', 'learn', 'commit', 'reopen'),
      index: fc.nat({ max: 299 }),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 60 }), async (changes) => {
        const path = newPath();
        let file = await createStateFile(path, firstHeader(300), 'none');
        const committed = new Map<number, Uint8Array>();
        const learned = new Map<number, Uint8Array>();
        const changed = new Set<number>();
        for (const { kind, index, seed } of changes) {
          if (kind === 'change') {
            await file.willChange(index, 1);
            // What was learned about a change that is under way still counts.
            if (!changed.has(index)) learned.delete(index);
            changed.add(index);
            committed.delete(index);
          } else if (kind === 'learn') {
            // A digest changes only where the contents may have changed.
            if (committed.has(index)) continue;
            file.learn(index, digestOf(seed));
            learned.set(index, digestOf(seed));
          } else {
            await file.commit('everything');
            for (const [known, digest] of learned) committed.set(known, digest);
            learned.clear();
            changed.clear();
            if (kind === 'reopen') {
              file.close();
              file = await reopen(path);
              expect(await file.examine()).toBe(0);
            }
          }
          expect(new Map([...committed].filter(([known]) => !file.isKnown(known)))).toEqual(new Map());
          expect(knownOf(file)).toHaveLength(committed.size);
        }
        for (const [index, digest] of committed) {
          expect(Buffer.from(file.digestOf(index)!)).toEqual(Buffer.from(digest));
        }
        file.close();
      }),
      { numRuns: 60 },
    );
  });
});

describe('a damaged state file', () => {
  const layout = layoutOf(20);

  test('reports a damaged page of digests, and knows none of its buffers', async () => {
    const path = await finishedFile(1000);
    const { page, position } = digestPlaceOf(layout, 500);
    alter(path, pageOffsetBytes(page) + 24 + position);
    const file = await reopen(path);
    expect(await file.examine()).toBe(1);
    expect(file.isKnown(500)).toBe(false);
    expect(file.isKnown(0)).toBe(true);
    file.close();
  });

  test('reports a damaged page of marks, and knows none of its buffers', async () => {
    const path = await finishedFile(1000);
    const file = await reopen(path);
    await file.examine();
    await file.willChange(10, 1);
    file.close();
    alter(path, pageOffsetBytes(markPlaceOf(layout, 10).page) + 100);
    const again = await reopen(path);
    expect(await again.examine()).toBe(1);
    expect(knownOf(again)).toEqual([]);
    again.close();
  });

  test('does not accept a page of another state file, or of another place', async () => {
    const [path, other] = [await finishedFile(1000), await finishedFile(1000)];
    const bytes = readFileSync(path);
    const [own, second] = [pageOffsetBytes(1), pageOffsetBytes(2)];
    readFileSync(other).copy(bytes, own, own, own + 4096);
    bytes.copy(bytes, second, pageOffsetBytes(3), pageOffsetBytes(4));
    writeFileSync(path, bytes);
    const file = await reopen(path);
    expect(await file.examine()).toBe(2);
    expect(file.isKnown(0)).toBe(false);
    expect(file.isKnown(203)).toBe(false);
    expect(file.isKnown(406)).toBe(true);
    file.close();
  });

  test('uses the older header if the newer one is torn', async () => {
    const path = await finishedFile(10);
    const newest = await reopen(path);
    const slot = newest.header.sequence % 2;
    newest.close();
    alter(path, slot * 32 * 1024 + 60);
    const file = await reopen(path);
    expect(file.header.state).toBe('open');
    file.close();
    alter(path, (1 - slot) * 32 * 1024 + 60);
    expect(await openStateFile(path, 'update')).toBe('damaged');
  });

  test('knows less, never something wrong, if its end is missing', async () => {
    const path = await finishedFile(1000);
    truncateSync(path, pageOffsetBytes(3));
    const file = await reopen(path);
    await file.examine();
    expect(knownOf(file)).toHaveLength(2 * 203);
    file.close();
  });

  test('is refused and left alone if it is another file', async () => {
    const path = newPath();
    writeFileSync(path, 'the only copy of a letter');
    await expect(openStateFile(path, 'update')).rejects.toMatchObject({ code: 'refused' });
    await expect(createStateFile(path, firstHeader(1), 'none')).rejects.toMatchObject({ code: 'refused' });
    expect(readFileSync(path, 'utf8')).toBe('the only copy of a letter');
    expect(statSync(path).size).toBe(25);
  });

  test('is refused while another run uses it', async () => {
    const path = await finishedFile(10);
    const file = await reopen(path);
    await expect(openStateFile(path, 'read')).rejects.toMatchObject({
      code: 'refused',
      message: `State file ${path} is used by another run.`,
    });
    file.close();
  });
});

describe('an interrupted run', () => {
  const header: Header = {
    ...firstHeader(1),
    state: 'open',
    sequence: 2,
    fileId: '0'.repeat(32),
    generation: 1,
    scrubBuffer: 0,
    base: null,
  };

  test('leaves a file that is not used, although the target has the same marks', () => {
    expect(judge({ ...header, state: 'clean' }, target, 'proved')).toEqual({ uses: 'digests' });
    expect(judge(header, target, 'proved')).toMatchObject({ uses: 'nothing', isExpected: false });
  });

  test('leaves a file that is used if the user vouches for the target', () => {
    expect(judge(header, target, 'given')).toEqual({
      uses: 'digests',
      warning: expect.stringMatching(/^is trusted as requested, although the last run was interrupted/),
    });
  });
});
