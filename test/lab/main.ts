/**
 * `npm run test:lab [-- WORDS]`: all tests of the laboratory, or those whose names contain the words. They are those of
 * the guest, then the whole matrices and hundreds of random cases of which `npm test` runs a few, then the tests of the
 * command line and the main job under each version of node, and with the standalone executable.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostProcessor } from '../../scripts/standalone/runtime.ts';
import { testFilesThatNeed } from '../support/import-graph.ts';
import { nodeVersions } from '../support/node-versions.ts';
import { labTests } from './tests.ts';
import { runLab } from './lab.ts';

// Exit handlers run only then: the guest ends, and its directory is removed.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(2));

const limitMs = 15 * 60 * 1000;
const words = process.argv.slice(2).join(' ');
const names = labTests.map(({ name }) => name).filter((name) => name.includes(words));

/** Of the command line and the main job. */
const commandTests = [
  'bad-input',
  'output',
  'signals',
  'directions',
  'recheck',
  'create',
  'progress',
  'terminal',
].map((name) => `test/end-to-end/${name}.test.ts`);

if (names.length > 0) await runInGuest();
if (words === '' || names.length === 0) runMatrices();
if (words === '') {
  // The tests before have installed them.
  for (const { path } of nodeVersions()) runCommandTestsUnder(path);
  runCommandTestsOfExecutable();
}

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

/** The test files whose number of cases depends on the laboratory, and those that only it runs. */
function runMatrices(): void {
  const isOfLaboratory = (file: string): boolean =>
    ['test/support/lab-cases.ts', 'test/installation.test.ts', 'test/booted-system.test.ts'].includes(file);
  const files = testFilesThatNeed(isOfLaboratory);
  const selection = words === '' ? [] : ['--testNamePattern', words];
  runTests([...selection, ...files], { BASYN_TEST_LAB: '1' });
}

/** @param node whose tests run: undefined where there is none for this kind of machine. */
function runCommandTestsUnder(node: string | undefined): void {
  if (node === undefined) return;
  console.log(`The command under ${node}:`);
  runTests(commandTests, { BASYN_TEST_NODE: node });
}

function runCommandTestsOfExecutable(): void {
  const folder = mkdtempSync(join(tmpdir(), 'basyn-lab-standalone-'));
  try {
    const processor = hostProcessor();
    const { status } = spawnSync('tsx', ['scripts/standalone/main.ts', processor, folder], {
      stdio: 'inherit',
    });
    if (status !== 0) process.exitCode = 1;
    else runTests(commandTests, { BASYN_TEST_EXECUTABLE: join(folder, `basyn-linux-${processor}`) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runTests(args: readonly string[], variables: Readonly<Record<string, string>>): void {
  const { status } = spawnSync('vitest', ['run', ...args], {
    stdio: 'inherit',
    env: { ...process.env, ...variables },
  });
  if (status !== 0) process.exitCode = 1;
}
