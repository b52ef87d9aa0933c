import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hostOptions, jsonPhases, useBasyn } from '../support/basyn.ts';
import { runOptions } from '../support/disks.ts';
import { haveSameContent, makeSparseFile } from '../support/file-systems.ts';
import { casesOf } from '../support/lab-cases.ts';
import { cachedBytes, dropCache } from '../support/page-cache.ts';
import { countStarts, directoryOfPrograms } from '../support/program-directory.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
const MiB = 1024 * 1024;
const sizeBytes = 40 * MiB + 12_345;
const data = [
  { at: 0, lengthBytes: 5000 },
  { at: 7 * MiB + 100, lengthBytes: 3 * MiB },
  { at: sizeBytes - 300, lengthBytes: 300 },
];

const ways = (['here', 'over ssh'] as const).flatMap((where) =>
  (['PUSH', 'POP'] as const).flatMap((action) =>
    (['SYNC', 'COPY'] as const).map((mode) => ({ where, action, mode })),
  ),
);
type Way = (typeof ways)[number];
const selected = casesOf(ways, ({ where, action, mode }) =>
  where === 'here' ? action === 'POP' && mode === 'SYNC' : action === 'PUSH' && mode === 'COPY',
);
const place = (): string => join(scratchDirectory(), 'file');

describe.each(selected)('$action $mode $where', (way) => {
  test('of a sparse source whose holes cannot be found reads it past the page cache', async () => {
    const source = makeSparseFile(place(), sizeBytes, data);
    const target = makeSparseFile(place(), sizeBytes, [{ at: 3 * MiB, lengthBytes: 20 * MiB }], 2);
    for (const path of [source, target]) await dropCache(path);
    // There is neither perl nor python3.
    const result = await run(way, directoryOfPrograms('ssh'), { source, target }, '--json', '--verbose');
    expect(result).toMatchObject({ exitCode: 0 });
    expect(jsonPhases(result)).toEqual([
      expect.objectContaining({ sourceReads: 'direct', sourceHoleBytes: 0 }),
    ]);
    expect(result.stdout).toContain('is read, also its holes: neither perl nor python3 can be run');
    expect(await cachedBytes(source)).toBe(0);
    expect(haveSameContent(source, target)).toBe(true);
  });
});

test.each([
  { title: 'a sparse source to a new file, only for the source', isSparse: true, starts: 1 },
  { title: 'a source without holes to a new file, not at all', isSparse: false, starts: 0 },
])('a COPY of $title queries the map of holes', async ({ isSparse, starts }) => {
  const bin = directoryOfPrograms();
  const log = scratchFile(Buffer.alloc(0), 'starts');
  countStarts(bin, 'perl', log);
  const source = makeSparseFile(place(), 8 * MiB, [{ at: 0, lengthBytes: isSparse ? MiB : 8 * MiB }]);
  const files = { source, target: place() };
  const result = await run({ where: 'here', action: 'PUSH', mode: 'COPY' }, bin, files, '--create');
  expect(result).toMatchObject({ exitCode: 0 });
  expect(haveSameContent(files.source, files.target)).toBe(true);
  expect(readFileSync(log, 'utf8').match(/started/g)?.length ?? 0).toBe(starts);
});

test('a COPY to a sparse file that keeps its zeros queries only the map of the source', async () => {
  const bin = directoryOfPrograms();
  const log = scratchFile(Buffer.alloc(0), 'starts');
  countStarts(bin, 'perl', log);
  const files = {
    source: makeSparseFile(place(), 8 * MiB, []),
    target: makeSparseFile(place(), 8 * MiB, []),
  };
  const result = await run({ where: 'here', action: 'PUSH', mode: 'COPY' }, bin, files, '--sparse=never');
  expect(result).toMatchObject({ exitCode: 0 });
  expect(readFileSync(log, 'utf8')).toBe('started\n');
});

function run(
  { where, action, mode }: Way,
  bin: string,
  files: { readonly source: string; readonly target: string },
  ...options: string[]
) {
  const host = where === 'here' ? [] : [...hostOptions(server()), `--remote-node=PATH=${bin} node`];
  const env = { ...process.env, PATH: bin };
  return basyn.run([...runOptions(action, mode, files), ...host, ...options], { env });
}
