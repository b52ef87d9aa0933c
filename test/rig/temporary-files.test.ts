import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

let left: string | undefined;
afterAll(() => {
  if (left !== undefined) rmSync(left, { recursive: true });
});

test('a test file has a temporary directory of its own', () => {
  expect(readdirSync(tmpdir())).toEqual([]);
});

// After some seconds, because a process that ends may remove its files a little later.
test.fails('a test that leaves a file in the temporary directory fails', () => {
  left = mkdtempSync(join(tmpdir(), 'left-'));
});
