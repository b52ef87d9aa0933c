/**
 * `npm run test:lab [-- WORDS]`: all tests of the laboratory, or those whose names contain the words. They are those of
 * the guest, then the whole matrices and hundreds of random cases of which `npm test` runs a few.
 */
import { spawnSync } from 'node:child_process';
import { testFilesThatNeed } from '../support/import-graph.ts';
import { labTests } from './tests.ts';
import { runLab } from './lab.ts';

// Exit handlers run only then: the guest ends, and its directory is removed.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(2));

const limitMs = 15 * 60 * 1000;
const words = process.argv.slice(2).join(' ');
const names = labTests.map(({ name }) => name).filter((name) => name.includes(words));

if (names.length > 0) await runInGuest();
if (words === '' || names.length === 0) runMatrices();

async function runInGuest(): Promise<void> {
  const { results, lastLines } = await runLab(names, limitMs);
  for (const { name, wallMs, failure } of results) {
    console.log(`${failure === undefined ? 'passed' : 'FAILED'} ${name} (${(wallMs / 1000).toFixed(1)} s)`);
    if (failure !== undefined) console.log(failure);
  }
  const passedCount = results.filter(({ failure }) => failure === undefined).length;
  if (results.length < names.length) console.log(`The guest has ended early. Its last lines:\n${lastLines}`);
  console.log(`${passedCount} passed, ${names.length - passedCount} failed`);
  if (passedCount < names.length) process.exitCode = 1;
}

/** The test files whose number of cases depends on the laboratory. */
function runMatrices(): void {
  const files = testFilesThatNeed((file) => file === 'test/support/lab-cases.ts');
  const selection = words === '' ? [] : ['--testNamePattern', words];
  const { status } = spawnSync('vitest', ['run', ...selection, ...files], {
    stdio: 'inherit',
    env: { ...process.env, BASYN_TEST_LAB: '1' },
  });
  if (status !== 0) process.exitCode = 1;
}
