/** Runs in the guest: performs the tests that the host requests, one after the other. */
import { appendFileSync, readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { labTests } from '../tests.ts';
import { cleanUp } from './clean-up.ts';
import type { LabResult } from './results.ts';

const wanted = JSON.parse(readFileSync('/run/lab/tests.json', 'utf8')) as string[];

for (const { name, run } of labTests.filter((test) => wanted.includes(test.name))) {
  const startMs = performance.now();
  const failure = [await failureOf(run), await failureOf(cleanUp)].find((text) => text !== undefined);
  const result: LabResult = { name, wallMs: performance.now() - startMs, ...(failure && { failure }) };
  appendFileSync('/run/lab/results', `${JSON.stringify(result)}\n`);
  console.log(failure ? `FAILED ${name}: ${failure}` : `passed ${name}`);
}

async function failureOf(run: () => void | Promise<void>): Promise<string | undefined> {
  try {
    await run();
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : inspect(error);
  }
  return undefined;
}
