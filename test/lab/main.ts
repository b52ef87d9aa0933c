/** `npm run test:lab [WORDS]`: all tests of the laboratory, or those whose names contain the words. */
import { labTests } from './tests.ts';
import { runLab } from './lab.ts';

// What is to be done at exit is done only then: the guest ends, and its directory is removed.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(2));

const limitMs = 15 * 60 * 1000;
const words = process.argv.slice(2).join(' ');
const names = labTests.map(({ name }) => name).filter((name) => name.includes(words));

const { results, lastLines } = await runLab(names, limitMs);
for (const { name, wallMs, failure } of results) {
  console.log(`${failure === undefined ? 'passed' : 'FAILED'} ${name} (${(wallMs / 1000).toFixed(1)} s)`);
  if (failure !== undefined) console.log(failure);
}
const passedCount = results.filter(({ failure }) => failure === undefined).length;
if (results.length < names.length) console.log(`The guest has ended early. Its last lines:\n${lastLines}`);
console.log(`${passedCount} passed, ${names.length - passedCount} failed`);
if (passedCount < names.length || names.length === 0) process.exitCode = 1;
