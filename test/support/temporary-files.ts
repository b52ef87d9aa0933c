/**
 * Runs before each test file: gives its process a separate temporary directory, and fails a test that leaves a file there.
 * Other programs do not see this directory, so their files cannot make a test fail.
 */
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeEach, onTestFinished } from 'vitest';

/** The guard of a killed process removes its files, which takes a moment. */
const withinMs = 5000;

/** Those of this process. With `isolate: false`, it runs several files, whose modules remember the names. */
const shared = globalThis as { basynTestDirectories?: readonly string[] };
const directories = (shared.basynTestDirectories ??= makeDirectories());

function makeDirectories(): string[] {
  return ['TMPDIR', 'BASYN_TEST_MEMORY']
    .filter((name) => process.env[name] !== undefined)
    .map((name) => {
      // Short, because the path of a socket must be.
      const directory = mkdtempSync(join(name === 'TMPDIR' ? tmpdir() : process.env[name]!, 'f'));
      // Tests that change the user must have access.
      chmodSync(directory, 0o711);
      process.env[name] = directory;
      return directory;
    });
}

beforeEach(() => {
  const before = new Set(present());
  // Runs after all hooks of the test, because these are called in reverse order.
  onTestFinished(async () => {
    await expectNoneBut(before, 'the test has left');
  });
});

// Runs after all hooks of the file, for the same reason.
afterAll(async () => {
  try {
    await expectNoneBut(new Set(), 'the test file has left');
  } finally {
    for (const path of present()) rmSync(path, { recursive: true, force: true });
  }
});

async function expectNoneBut(before: ReadonlySet<string>, complaint: string): Promise<void> {
  const left = (): string[] => present().filter((path) => !before.has(path));
  const deadlineMs = performance.now() + withinMs;
  while (left().length > 0 && performance.now() < deadlineMs) await sleep(10);
  if (left().length > 0) throw new Error(`${complaint}: ${left().join(', ')}`);
}

function present(): string[] {
  return directories
    .filter((directory) => existsSync(directory))
    .flatMap((directory) => readdirSync(directory).map((name) => join(directory, name)));
}
