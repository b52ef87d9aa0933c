import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { digestOf } from '../../../src/transport/runtime/packing.ts';
import { loadRuntime } from '../../../src/transport/runtime/runtime.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const here = { kind: 'this process' } as const;

afterEach(() => {
  vi.restoreAllMocks();
});

test('what only linkers and debuggers read is not sent', async () => {
  const { files, sizeBytes } = await loadRuntime(here);
  const wholeBytes = files.reduce((sum, { path }) => sum + statSync(path).size, 0);
  expect(sizeBytes).toBeLessThan(wholeBytes);
  expect(files.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBe(sizeBytes);
});

test('a copy is known by all bytes of all files', async () => {
  const directory = scratchDirectory();
  const path = join(directory, 'program');
  writeFileSync(path, readFileSync('/bin/true'));
  const first = await digestOf(await loadRuntime({ kind: 'file', path }));
  expect(await digestOf(await loadRuntime({ kind: 'file', path }))).toBe(first);
  const changed = readFileSync(path);
  changed[changed.byteLength >> 1]! ^= 1;
  writeFileSync(path, changed);
  expect(await digestOf(await loadRuntime({ kind: 'file', path }))).not.toBe(first);
});

test('a node that is linked against libnode is not sent: it loads further files of its package', async () => {
  const { config } = process;
  const variables = { ...config.variables, node_shared: true };
  vi.spyOn(process, 'config', 'get').mockReturnValue({ ...config, variables });
  await expect(loadRuntime(here)).rejects.toMatchObject({
    code: 'connection',
    remedy: 'other-runtime',
    message: expect.stringContaining("a distribution's package, which can't be sent") as unknown,
  });
});

test('nothing but a program for Linux is sent', async () => {
  vi.spyOn(process, 'platform', 'get').mockReturnValue('darwin');
  await expect(loadRuntime(here)).rejects.toMatchObject({
    message: 'the node here can be sent only from Linux',
  });
});
