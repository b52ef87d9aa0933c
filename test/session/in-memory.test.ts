import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plainOrder, runInMemory } from '../support/memory-session.ts';
import { makeTemporaryDirectory } from '../support/temporary.ts';

test('a sync makes the target equal', async () => {
  const directory = makeTemporaryDirectory('session');
  const [source, target] = [join(directory.path, 'source'), join(directory.path, 'target')];
  const bytes = randomBytes(1_000_001);
  writeFileSync(source, bytes);
  const old = Buffer.from(bytes);
  old.fill(7, 100_000, 100_010);
  writeFileSync(target, old);
  const report = await runInMemory({ ...plainOrder, localPath: source, remotePath: target });
  expect(readFileSync(target).equals(bytes)).toBe(true);
  expect(report.phases[0]!.writtenBytes).toBeLessThan(10_000);
});
