/**
 * Ends the run with one line, `N passed, N failed` (and `, N skipped` when any), and fails a run
 * without tests and, in CI, a run with a skipped test.
 */
import { writeSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    const skipped = tests.filter((test) => test.result().state === 'skipped');
    const failed =
      tests.filter((test) => test.result().state === 'failed').length +
      brokenGroups(modules) +
      unhandled.length;

    const complaints: string[] = [];
    if (passed + failed === 0) complaints.push('No test ran: that counts as a failure.');
    if (process.env.CI && skipped.length > 0) {
      complaints.push('In CI a skipped test counts as a failure:', ...skipped.map(nameOf));
    }
    const counts = `${passed} passed, ${failed} failed`;
    const last = skipped.length > 0 ? `${counts}, ${skipped.length} skipped` : counts;

    // At exit, and synchronously, so that no reporter and no straggling output comes after it.
    process.once('exit', () => {
      if (complaints.length > 0 || failed > 0) process.exitCode = 1;
      writeAll([...complaints, last].map((line) => `${line}\n`).join(''));
    });
  }
}

/** Files that did not load and groups whose hooks failed. None of their tests reports that. */
function brokenGroups(modules: readonly TestModule[]): number {
  const groups = modules.flatMap((module) => [module, ...module.children.allSuites()]);
  return groups.filter((group) => group.errors().length > 0).length;
}

function nameOf(test: TestCase): string {
  const { mode, note } = { note: undefined, ...test.result(), mode: test.options.mode };
  return `  ${test.module.relativeModuleId} > ${test.fullName}${note ? ` (${note})` : mode === 'todo' ? ' (todo)' : ''}`;
}

function writeAll(text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      // A pipe that another process made non-blocking may be full for a moment.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}
