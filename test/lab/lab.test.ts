import { beforeAll, describe, expect, test } from 'vitest';
import { isRoot } from '../support/loop-device.ts';
import { runLab, type LabReport } from './lab.ts';
import { labTests } from './tests.ts';

const limitMs = 10 * 60 * 1000;

describe.skipIf(!isRoot)('in a kernel with device-mapper (needs root, and packages of Debian)', () => {
  const names = labTests.filter(({ selection }) => selection === 'short').map(({ name }) => name);
  let report: LabReport | undefined;

  beforeAll(async () => {
    report = await runLab(names, limitMs);
  }, limitMs + 60_000);

  test.each(names)('%s', (name) => {
    const result = report!.results.find((other) => other.name === name);
    expect(result, `the guest has not ended this test; its last lines:\n${report!.lastLines}`).toBeDefined();
    expect(result!.failure).toBeUndefined();
  });
});
