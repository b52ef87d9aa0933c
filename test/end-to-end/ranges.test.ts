import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { expectSentence, hostOptions, jsonPhases, useBasyn } from '../support/basyn.ts';
import { runOptions } from '../support/disks.ts';
import { differingChunks } from '../support/naive.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { someWays } from '../support/ways.ts';

const server = useSshServer();
const basyn = useBasyn();
const KiB = 1024;
const bufferBytes = 64 * KiB;
const chunkBytes = 4 * KiB;
const source = mixedBytes(6_000_777, 1);
const cuts = ['--buffer=64K', '--chunk=4K'];

/** More ranges than a report has, some of which touch. */
function alteredTarget(): Buffer {
  const target = Buffer.from(source);
  for (let at = 100; at < target.length; at += at % 7 === 0 ? 4_000 : 61_000) target[at]! ^= 1;
  target.fill(7, 3_000_000, 3_200_000);
  return target;
}

const found = differingChunks(source, alteredTarget(), bufferBytes, chunkBytes);
const whole = [{ offsetBytes: 0, lengthBytes: source.length }];

function devices(): { source: string; target: string } {
  return { source: scratchFile(source), target: scratchFile(alteredTarget()) };
}

/** What a complete list of these ranges contains. */
function listOf(ranges: readonly { offsetBytes: number; lengthBytes: number }[]): string {
  const bytes = ranges.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  const lines = ranges.map(({ offsetBytes, lengthBytes }) => ({ offset: offsetBytes, length: lengthBytes }));
  return [...lines, { ranges: ranges.length, bytes }].map((line) => `${JSON.stringify(line)}\n`).join('');
}

describe.each(someWays)('--ranges, $action $mode $where', ({ where, action, mode }) => {
  const host = (): string[] => (where === 'here' ? [] : hostOptions(server()));

  test('lists every range that differs, and the list leads a further run to exactly these', async () => {
    const paths = devices();
    const list = join(scratchDirectory(), 'list');
    writeFileSync(list, listOf([]));
    const options = [...runOptions(action, mode, paths), ...host(), ...cuts];
    const isSync = mode === 'SYNC';
    if (isSync) {
      expect(await basyn.run([...options, '--dry-run', `--ranges=${list}`])).toMatchObject({ exitCode: 0 });
      expect(readFileSync(list, 'utf8')).toBe(listOf(found));
    }
    expect(await basyn.run([...options, '--recheck', `--ranges=${list}`])).toMatchObject({ exitCode: 0 });
    expect(readFileSync(list, 'utf8')).toBe(listOf(isSync ? found : whole));
    expect(readdirSync(dirname(list))).toEqual(['list']);
    if (!isSync) return;

    writeFileSync(paths.target, alteredTarget());
    const again = [...options, `--changed=${list}`, '--sample=0', '--json'];
    const result = await basyn.run(again);
    expect(result.exitCode).toBe(0);
    expect(readFileSync(paths.target).equals(source)).toBe(true);
    const buffers = new Set<number>();
    for (const { offsetBytes, lengthBytes } of found) {
      const end = Math.ceil((offsetBytes + lengthBytes) / bufferBytes);
      for (let index = Math.floor(offsetBytes / bufferBytes); index < end; index++) buffers.add(index);
    }
    const lastBytes = source.length % bufferBytes;
    const isLastListed = buffers.has(Math.floor(source.length / bufferBytes));
    const examinedBytes = buffers.size * bufferBytes - (isLastListed ? bufferBytes - lastBytes : 0);
    expect(jsonPhases(result)[0]).toMatchObject({ examinedBytes, differingRangeCount: found.length });
  });

  test('lists what a recheck finds, and an empty list where there is nothing', async () => {
    if (mode === 'COPY') return;
    const paths = devices();
    const list = join(scratchDirectory(), 'list');
    const [local, remote] = action === 'PUSH' ? [paths.source, paths.target] : [paths.target, paths.source];
    const options = [`--local=${local}`, `--remote=${remote}`, ...host(), ...cuts, '--recheck'];
    const recheck = [...options, `--action=${action}`, `--ranges=${list}`];
    expect(await basyn.run(recheck)).toMatchObject({ exitCode: 2 });
    expect(readFileSync(list, 'utf8')).toBe(listOf(found));
    writeFileSync(paths.target, source);
    expect(await basyn.run(recheck)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(list, 'utf8')).toBe(listOf([]));
    const sync = [
      ...runOptions(action, 'SYNC', paths),
      ...host(),
      `--changed=${list}`,
      '--sample=0',
      '--json',
    ];
    expect(jsonPhases(await basyn.run(sync))[0]).toMatchObject({ examinedBytes: 0 });
  });
});

test('a run that fails leaves no list, also not that of an earlier run', async () => {
  const { source: from, target } = devices();
  const list = join(scratchDirectory(), 'list');
  writeFileSync(list, listOf(found));
  const paths = { source: from, target: `${target}.missing` };
  const result = await basyn.run([...runOptions('PUSH', 'SYNC', paths), `--ranges=${list}`]);
  expect(result.exitCode).toBe(2);
  expect(readdirSync(dirname(list))).toEqual([]);
});

test('a file that is no list is not replaced', async () => {
  const paths = devices();
  const options = runOptions('PUSH', 'SYNC', paths);
  const other = scratchFile(Buffer.from('[1, 2]\n'));
  expectSentence(await basyn.run([...options, `--ranges=${other}`]), 2, /is no list of ranges/);
  expect(readFileSync(other, 'utf8')).toBe('[1, 2]\n');
  expectSentence(await basyn.run([...options, '--ranges=/dev/null']), 2, /is not a regular file/);
  expect(existsSync('/dev/null')).toBe(true);
  expect(readFileSync(paths.target).equals(source)).toBe(false);
});

test('a list that was cut off is refused', async () => {
  const paths = devices();
  const text = listOf(found);
  const options = runOptions('PUSH', 'SYNC', paths);
  const cutOff = text.slice(0, text.lastIndexOf('{'));
  for (const [bad, reason] of [
    [cutOff, /is cut off/],
    [text.slice(0, -2), /is cut off|is not JSON/],
    [text.replace(/.*\n/, ''), /a part of it is missing/],
    [`${text}{"offset":0,"length":1}\n`, /goes on behind its end/],
  ] as const) {
    const list = scratchFile(Buffer.from(bad));
    expectSentence(await basyn.run([...options, `--changed=${list}`]), 2, reason);
  }
});
